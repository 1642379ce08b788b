//! Everything that is made of the frames.

use std::path::{Path, PathBuf};

use super::encode::VideoEncoder;
use super::mark::Overlay;
use super::poster::Poster;
use super::preview::Preview;
use super::scale::Scaler;
use super::spritesheet::Spritesheet;
use super::{ClipFile, Footage, PostprocessError, Recipe, Target, Variant};
use crate::engine::Frame;

/// Hands each frame to whoever needs it, counts them, and writes the files.
pub(super) struct Outputs {
    folder: PathBuf,
    size: Target,
    expected: u32,
    got: u32,
    scaler: Scaler,
    mark: Option<Overlay>,
    video: VideoEncoder,
    poster: Poster,
    spritesheet: Spritesheet,
    preview: Preview,
}

impl Outputs {
    /// Readies the files of `footage` in `folder`, as the recipe says.
    pub(super) fn open(footage: &Footage, recipe: &Recipe, folder: &Path) -> Result<Self, PostprocessError> {
        let size = recipe.size;
        let mark = recipe.mark.as_ref().map(|mark| Overlay::draw(mark, size)).transpose();
        let path = folder.join(Variant::Video.file_name());
        // A video of no frames is no video.
        let expected = footage.frames.max(1);
        Ok(Self {
            folder: folder.to_owned(),
            size,
            expected,
            got: 0,
            scaler: Scaler::default(),
            mark: mark.map_err(PostprocessError::encoder(Variant::Video))?,
            video: VideoEncoder::create(&path, size, footage.fps, &footage.engine)?,
            poster: Poster::new(size, expected),
            spritesheet: Spritesheet::new(size, expected),
            preview: Preview::open(size, footage.fps)?,
        })
    }

    /// Takes the next frame, of any size.
    pub(super) fn push(&mut self, frame: &Frame) -> Result<(), PostprocessError> {
        if self.got == self.expected {
            return Err(PostprocessError::FramesSurplus { expected: self.expected });
        }
        let mut frame = self.scaler.fit(frame, self.size).map_err(PostprocessError::encoder(Variant::Video))?;
        if let Some(mark) = &self.mark {
            mark.blend(frame.to_mut());
        }
        // The video first: its encoder works on in threads of its own while the small pictures are drawn here.
        self.video.push(&frame)?;
        self.poster.push(self.got, &frame)?;
        self.spritesheet.push(self.got, &frame)?;
        self.preview.push(self.got, &frame)?;
        self.got += 1;
        Ok(())
    }

    /// Completes the files.
    pub(super) fn finish(self) -> Result<Vec<ClipFile>, PostprocessError> {
        if self.got < self.expected {
            return Err(PostprocessError::FramesMissing { got: self.got, expected: self.expected });
        }
        let sizes = [
            (Variant::Video, self.size),
            (Variant::Thumbnail, self.size),
            (Variant::Spritesheet, self.spritesheet.size()),
            (Variant::Preview, self.preview.size()),
        ];
        self.video.finish()?;
        write(&self.folder, Variant::Thumbnail, &self.poster.finish())?;
        write(&self.folder, Variant::Spritesheet, &self.spritesheet.finish()?)?;
        write(&self.folder, Variant::Preview, &self.preview.finish()?)?;
        let read = |(variant, size)| ClipFile::read(variant, &self.folder, size);
        Ok(sizes.into_iter().map(read).collect::<Result<_, _>>()?)
    }
}

fn write(folder: &Path, variant: Variant, bytes: &[u8]) -> Result<(), PostprocessError> {
    Ok(std::fs::write(folder.join(variant.file_name()), bytes)?)
}
