//! Everything that is made of the frames.

use std::borrow::Cow;
use std::path::{Path, PathBuf};

use clipmill_scale::Scaler;

use super::encode::VideoEncoder;
use super::looping::Looping;
use super::mark::Overlay;
use super::pictures::Pictures;
use super::sound::SoundTrack;
use super::{Footage, PostprocessError, Recipe, Target, Variant};
use crate::engine::{Frame, Sound};

/// Hands each frame to whoever needs it, counts them, and writes the files.
pub(super) struct Outputs {
    folder: PathBuf,
    size: Target,
    expected: u32,
    got: u32,
    looping: Looping,
    scaler: Scaler,
    mark: Option<Overlay>,
    video: VideoEncoder,
    pictures: Option<Pictures>,
}

impl Outputs {
    /// Readies the files of `footage`, which begins with `sound`, in `folder`.
    pub(super) fn open(
        footage: &Footage,
        sound: Option<&Sound>,
        recipe: &Recipe,
        folder: &Path,
    ) -> Result<Self, PostprocessError> {
        let size = recipe.size;
        let mark = recipe.mark.as_ref().map(|mark| Overlay::draw(mark, size)).transpose();
        let path = folder.join(Variant::Video.file_name());
        // A video of no frames is no video.
        let expected = footage.frames.max(recipe.overlap + 1);
        let frames = expected - recipe.overlap;
        let track = |sound| SoundTrack::open(sound, expected, footage.fps, recipe.overlap);
        let sound = sound.map(track).transpose()?;
        Ok(Self {
            folder: folder.to_owned(),
            size,
            expected,
            got: 0,
            looping: Looping::new(recipe.overlap, expected),
            scaler: Scaler::default(),
            mark: mark.map_err(PostprocessError::encoder(Variant::Video))?,
            video: VideoEncoder::create(&path, recipe, footage, sound)?,
            pictures: recipe.pictures.then(|| Pictures::start(size, frames, footage.fps)).transpose()?,
        })
    }

    /// Takes the next frame, of any size.
    pub(super) fn push(&mut self, frame: Frame) -> Result<(), PostprocessError> {
        if self.got == self.expected {
            return Err(PostprocessError::FramesSurplus { expected: self.expected });
        }
        self.got += 1;
        match self.looping.pass(frame).map_err(PostprocessError::encoder(Variant::Video))? {
            Some(frame) => self.show(frame),
            None => Ok(()),
        }
    }

    /// Takes the next frame of the video.
    fn show(&mut self, frame: Frame) -> Result<(), PostprocessError> {
        let fitted =
            self.scaler.cover(&frame, self.size.dimensions()).map_err(PostprocessError::encoder(Variant::Video))?;
        let mut frame = match fitted {
            Cow::Owned(fitted) => fitted,
            Cow::Borrowed(_) => frame,
        };
        if let Some(mark) = &self.mark {
            mark.blend(&mut frame);
        }
        self.video.push(&frame)?;
        if let Some(pictures) = &self.pictures {
            pictures.push(frame);
        }
        Ok(())
    }

    /// Takes the next stretch of sound.
    pub(super) fn sound(&mut self, sound: &Sound) -> Result<(), PostprocessError> {
        self.video.sound(sound)
    }

    /// Completes the files. Gives them and the number of the video's frames.
    pub(super) fn finish(self) -> Result<(Vec<(Variant, Target)>, u32), PostprocessError> {
        if self.got < self.expected {
            return Err(PostprocessError::FramesMissing { got: self.got, expected: self.expected });
        }
        let frames = self.video.finish()?;
        let mut files = vec![(Variant::Video, self.size)];
        for picture in self.pictures.map_or_else(|| Ok(Vec::new()), Pictures::finish)? {
            std::fs::write(self.folder.join(picture.variant.file_name()), &picture.bytes)?;
            files.push((picture.variant, picture.size));
        }
        Ok((files, frames))
    }
}
