//! The Wan 2.1 and 2.2 video diffusion models, from weights in diffusers folder layout to frames.
//!
//! Pure computation: no queue, no database, no network and no FFmpeg, so it builds alone for a GPU machine.
//! A render flows one way: [`text`] turns the prompt into embeddings, [`picture`] and [`clip`] prepare source images,
//! [`schedule`] walks the noise down while [`dit`] predicts the velocity, and [`vae`] turns latents into frames.

pub mod clip;
pub mod device;
pub mod dit;
pub mod error;
pub mod folder;
pub mod lora;
pub mod memory;
mod noise;
pub mod parity;
pub mod picture;
pub mod pipeline;
pub mod schedule;
pub mod text;
pub mod vae;
pub mod watch;
pub mod weights;

pub use candle_core::Device;
pub use error::{Error, Result};
pub use watch::{Stage, Watch};
