//! A model folder in diffusers layout: what it holds, and whether it can be run.

mod agree;
mod index;
mod kind;
mod open;
mod part;
mod summary;

pub use kind::Kind;
pub use open::Folder;
pub use part::Part;
pub use summary::{Holding, Summary};

#[cfg(test)]
mod tests;
