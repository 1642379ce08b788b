//! The poster: one still picture of the video.

use super::error::Cause;
use super::webp::WebpEncoder;
use super::{PostprocessError, Target, Variant};
use crate::engine::Frame;

/// The poster is the frame at this part of the video: past a fade-in, before the end is given away.
const POSITION: u32 = 3;

/// Waits for its frame and keeps it encoded.
pub(super) struct Poster {
    due: u32,
    size: Target,
    bytes: Vec<u8>,
}

impl Poster {
    /// A poster of `size` for a video of `frames` frames.
    pub(super) fn new(size: Target, frames: u32) -> Self {
        Self { due: frames / POSITION, size, bytes: Vec::new() }
    }

    /// Looks at frame number `index`, which must have the poster's size.
    pub(super) fn push(&mut self, index: u32, frame: &Frame) -> Result<(), PostprocessError> {
        if index == self.due {
            self.bytes = encode(frame, self.size).map_err(PostprocessError::encoder(Variant::Thumbnail))?;
        }
        Ok(())
    }

    /// The file's content.
    pub(super) fn finish(self) -> Vec<u8> {
        self.bytes
    }
}

fn encode(frame: &Frame, size: Target) -> Result<Vec<u8>, Cause> {
    let mut encoder = WebpEncoder::still(size)?;
    encoder.push(frame, 0)?;
    encoder.finish()
}
