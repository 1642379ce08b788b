//! A render from request to frames: what a [`Model`] does with a [`Request`] under its [`Settings`].
//!
//! `request` turns wishes into shapes, `condition` the source images into what the network sees beside the noise,
//! `denoise` walks the noise down with one or two experts, and `frames` turns latents into pictures as they are decoded.
//! `room` and `work` say beforehand what stays in memory and what a render takes there.

mod condition;
mod denoise;
mod frames;
mod model;
mod preload;
mod probe;
mod request;
mod room;
mod shelf;
#[cfg(test)]
mod tests;
mod warm;
mod work;

pub use model::{Expert, LoraFile, Model, Options};
pub(crate) use probe::Probe;
pub use request::{Fit, Request, Settings, TEXT_LENGTH, Video};
pub use work::Work;
