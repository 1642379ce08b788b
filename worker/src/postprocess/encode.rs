//! The video: frames into packets, packets into the file.

use std::path::Path;

use ffmpeg_next::encoder::video::Encoder;
use ffmpeg_next::frame;

use super::container::VideoFile;
use super::interpolate::{Interpolator, Rates};
use super::packet::next_packet;
use super::sound::SoundTrack;
use super::yuv420::Yuv420;
use super::{Footage, PostprocessError, Recipe, Variant};
use crate::engine::{Frame, Sound};

/// Encodes frames into a file as they come.
pub(super) struct VideoEncoder {
    converter: Yuv420,
    interpolator: Option<Interpolator>,
    encoder: Encoder,
    file: VideoFile,
    drawn: u32,
    encoded: u32,
    rates: Rates,
    last: Option<frame::Video>,
}

impl VideoEncoder {
    /// Opens the encoder and creates the file for the frames of `footage`, and for sound if there is any.
    pub(super) fn create(
        path: &Path,
        recipe: &Recipe,
        footage: &Footage,
        sound: Option<SoundTrack>,
    ) -> Result<Self, PostprocessError> {
        let rates = Rates { drawn: footage.fps, shown: recipe.fps.max(footage.fps) };
        let encoder = recipe.encoders.open(recipe.codec, recipe.quality, recipe.size, rates.shown);
        let encoder = encoder.map_err(PostprocessError::encoder(Variant::Video))?;
        let interpolator = (rates.shown > rates.drawn)
            .then(|| Interpolator::new(recipe.size, rates, recipe.overlap > 0))
            .transpose()
            .map_err(PostprocessError::encoder(Variant::Video))?;
        let file = VideoFile::create(path, &encoder, sound, recipe, &footage.engine)?;
        let converter = Yuv420::new(recipe.size);
        Ok(Self { converter, interpolator, encoder, file, drawn: 0, encoded: 0, rates, last: None })
    }

    /// Adds the next frame, which must have the recipe's size.
    pub(super) fn push(&mut self, frame: &Frame) -> Result<(), PostprocessError> {
        self.drawn += 1;
        let picture = self.converter.convert(frame).map_err(PostprocessError::encoder(Variant::Video))?;
        let Some(interpolator) = &mut self.interpolator else { return self.encode(picture) };
        let pictures = interpolator.push(picture).map_err(PostprocessError::encoder(Variant::Video))?;
        pictures.into_iter().try_for_each(|picture| self.encode(picture))
    }

    /// Adds the next stretch of sound.
    pub(super) fn sound(&mut self, sound: &Sound) -> Result<(), PostprocessError> {
        self.file.sound(sound)
    }

    /// Encodes what is still held back and completes the file. Gives the number of its frames.
    pub(super) fn finish(mut self) -> Result<u32, PostprocessError> {
        if let Some(interpolator) = self.interpolator.take() {
            let pictures = interpolator.finish().map_err(PostprocessError::encoder(Variant::Video))?;
            pictures.into_iter().try_for_each(|picture| self.encode(picture))?;
        }
        let frames = self.rates.frames(self.drawn);
        while self.encoded < frames
            && let Some(last) = self.last.take()
        {
            self.encode(last)?;
        }
        self.encoder.send_eof().map_err(PostprocessError::encoder(Variant::Video))?;
        self.write_ready()?;
        self.file.finish()?;
        Ok(frames)
    }

    /// Encodes the next picture; what lies beyond the frames that were drawn is left out.
    fn encode(&mut self, mut picture: frame::Video) -> Result<(), PostprocessError> {
        if self.encoded == self.rates.frames(self.drawn) {
            return Ok(());
        }
        picture.set_pts(Some(self.encoded.into()));
        self.encoded += 1;
        self.encoder.send_frame(&picture).map_err(PostprocessError::encoder(Variant::Video))?;
        self.last = Some(picture);
        self.write_ready()
    }

    fn write_ready(&mut self) -> Result<(), PostprocessError> {
        while let Some(packet) = next_packet(&mut self.encoder).map_err(PostprocessError::encoder(Variant::Video))? {
            self.file.write(packet)?;
        }
        Ok(())
    }
}
