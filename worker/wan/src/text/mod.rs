//! From a prompt to the rows that the diffusion transformer attends to.
//!
//! [`clean()`] straightens the text, [`Tokenizer`] cuts it into tokens, [`Encoder`] turns tokens into rows, and
//! [`TextEncoder`] joins the three; [`Embeddings`] remembers what was embedded.

mod cache;
mod clean;
mod config;
mod embed;
#[cfg(test)]
mod fixture;
pub(crate) mod position;
mod tokenizer;
mod umt5;

pub use cache::Embeddings;
pub use clean::clean;
pub use config::Config;
pub use embed::TextEncoder;
pub use tokenizer::Tokenizer;
pub use umt5::Encoder;
