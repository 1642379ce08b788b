//! What Wan 2.1's image-to-video transformer sees of a source image beside its latents: CLIP's view of it.
//!
//! [`Processor`] cuts the picture to the square that [`Vision`] embeds.

mod config;
mod processor;
mod vision;

pub use config::Config;
pub use processor::Processor;
pub use vision::Vision;
