//! The diffusion transformer: noisy latents, a timestep and the text in, the velocity of the flow out.
//!
//! One latent video at a time. Latents are cut into 1x2x2 patches (`patch`), one token each; every block of
//! `block` lets the tokens attend to each other, then to the prompt, and passes them through a feed-forward net.
//! What stays the same over all steps of a render, the projected prompt and its keys and values, is a [`Context`].

mod attention;
mod block;
mod cache;
mod condition;
mod config;
mod context;
mod cpu;
mod cross_attention;
mod linear;
mod modulation;
mod norm;
mod patch;
mod rope;
mod self_attention;
mod time;
mod transformer;

pub use cache::StepCache;
pub use config::Config;
pub use context::Context;
pub use time::Run;
pub use transformer::{Inputs, Transformer};

#[cfg(test)]
mod tests;
