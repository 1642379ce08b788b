//! Everything that is made of the frames.

use std::borrow::Cow;
use std::path::{Path, PathBuf};

use super::encode::VideoEncoder;
use super::pictures::Pictures;
use super::scale::Scaler;
use super::{ClipFile, Footage, PostprocessError, Recipe, Target, Variant};
use crate::engine::Frame;

/// Hands each frame to whoever needs it, counts them, and writes the files.
pub(super) struct Outputs {
    folder: PathBuf,
    size: Target,
    expected: u32,
    got: u32,
    scaler: Scaler,
    video: VideoEncoder,
    pictures: Option<Pictures>,
}

impl Outputs {
    /// Readies the files of `footage` in `folder`.
    pub(super) fn open(footage: &Footage, recipe: &Recipe, folder: &Path) -> Result<Self, PostprocessError> {
        let size = recipe.size;
        let path = folder.join(Variant::Video.file_name());
        // A video of no frames is no video.
        let expected = footage.frames.max(1);
        Ok(Self {
            folder: folder.to_owned(),
            size,
            expected,
            got: 0,
            scaler: Scaler::default(),
            video: VideoEncoder::create(&path, size, footage.fps, &footage.engine)?,
            pictures: recipe.pictures.then(|| Pictures::start(size, expected, footage.fps)).transpose()?,
        })
    }

    /// Takes the next frame, of any size.
    pub(super) fn push(&mut self, frame: Frame) -> Result<(), PostprocessError> {
        if self.got == self.expected {
            return Err(PostprocessError::FramesSurplus { expected: self.expected });
        }
        let fitted = self.scaler.fit(&frame, self.size).map_err(PostprocessError::encoder(Variant::Video))?;
        let frame = match fitted {
            Cow::Owned(fitted) => fitted,
            Cow::Borrowed(_) => frame,
        };
        self.video.push(&frame)?;
        if let Some(pictures) = &self.pictures {
            pictures.push(frame);
        }
        self.got += 1;
        Ok(())
    }

    /// Completes the files.
    pub(super) fn finish(self) -> Result<Vec<ClipFile>, PostprocessError> {
        if self.got < self.expected {
            return Err(PostprocessError::FramesMissing { got: self.got, expected: self.expected });
        }
        self.video.finish()?;
        let mut files = vec![ClipFile::read(Variant::Video, &self.folder, self.size)?];
        for picture in self.pictures.map_or_else(|| Ok(Vec::new()), Pictures::finish)? {
            write(&self.folder, picture.variant, &picture.bytes)?;
            files.push(ClipFile::read(picture.variant, &self.folder, picture.size)?);
        }
        Ok(files)
    }
}

fn write(folder: &Path, variant: Variant, bytes: &[u8]) -> Result<(), PostprocessError> {
    Ok(std::fs::write(folder.join(variant.file_name()), bytes)?)
}
