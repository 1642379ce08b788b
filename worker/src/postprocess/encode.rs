//! The video: frames into packets, packets into the file.

use std::path::Path;

use ffmpeg_next::encoder::video::Encoder;
use ffmpeg_next::frame;

use super::container::VideoFile;
use super::packet::next_packet;
use super::yuv420::Yuv420;
use super::{Footage, PostprocessError, Recipe, Variant};
use crate::engine::Frame;

/// Encodes frames into a file as they come.
pub(super) struct VideoEncoder {
    converter: Yuv420,
    encoder: Encoder,
    file: VideoFile,
    frames: u32,
}

impl VideoEncoder {
    /// Opens the encoder and creates the file for the frames of `footage`.
    pub(super) fn create(path: &Path, recipe: &Recipe, footage: &Footage) -> Result<Self, PostprocessError> {
        let encoder = recipe.encoders.open(recipe.codec, recipe.quality, recipe.size, footage.fps);
        let encoder = encoder.map_err(PostprocessError::encoder(Variant::Video))?;
        let file = VideoFile::create(path, &encoder, recipe, &footage.engine)?;
        Ok(Self { converter: Yuv420::new(recipe.size), encoder, file, frames: 0 })
    }

    /// Adds the next frame, which must have the recipe's size.
    pub(super) fn push(&mut self, frame: &Frame) -> Result<(), PostprocessError> {
        let picture = self.converter.convert(frame).map_err(PostprocessError::encoder(Variant::Video))?;
        self.encode(picture)
    }

    /// Encodes what is still held back and completes the file.
    pub(super) fn finish(mut self) -> Result<(), PostprocessError> {
        self.encoder.send_eof().map_err(PostprocessError::encoder(Variant::Video))?;
        self.write_ready()?;
        self.file.finish()
    }

    fn encode(&mut self, mut picture: frame::Video) -> Result<(), PostprocessError> {
        picture.set_pts(Some(self.frames.into()));
        self.frames += 1;
        self.encoder.send_frame(&picture).map_err(PostprocessError::encoder(Variant::Video))?;
        self.write_ready()
    }

    fn write_ready(&mut self) -> Result<(), PostprocessError> {
        while let Some(packet) = next_packet(&mut self.encoder).map_err(PostprocessError::encoder(Variant::Video))? {
            self.file.write(packet)?;
        }
        Ok(())
    }
}
