//! Everything that is made of the frames.

use std::path::{Path, PathBuf};

use super::encode::VideoEncoder;
use super::looping::Looping;
use super::mark::Overlay;
use super::poster::Poster;
use super::preview::Preview;
use super::scale::Scaler;
use super::sound::SoundTrack;
use super::spritesheet::Spritesheet;
use super::{Footage, PostprocessError, Recipe, Target, Variant};
use crate::engine::{Frame, Sound};

/// Hands each frame to whoever needs it, counts them, and writes the files.
pub(super) struct Outputs {
    folder: PathBuf,
    size: Target,
    fps: u32,
    expected: u32,
    got: u32,
    shown: u32,
    looping: Looping,
    scaler: Scaler,
    mark: Option<Overlay>,
    video: VideoEncoder,
    poster: Poster,
    spritesheet: Spritesheet,
    preview: Preview,
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
            fps: footage.fps,
            expected,
            got: 0,
            shown: 0,
            looping: Looping::new(recipe.overlap, expected),
            scaler: Scaler::default(),
            mark: mark.map_err(PostprocessError::encoder(Variant::Video))?,
            video: VideoEncoder::create(&path, recipe, footage, sound)?,
            poster: Poster::new(size, frames),
            spritesheet: Spritesheet::new(size, frames),
            preview: Preview::open(size, footage.fps)?,
        })
    }

    /// Takes the next frame, of any size.
    pub(super) fn push(&mut self, frame: Frame) -> Result<(), PostprocessError> {
        if self.got == self.expected {
            return Err(PostprocessError::FramesSurplus { expected: self.expected });
        }
        self.got += 1;
        match self.looping.pass(frame).map_err(PostprocessError::encoder(Variant::Video))? {
            Some(frame) => self.show(&frame),
            None => Ok(()),
        }
    }

    /// Takes the next frame of the video.
    fn show(&mut self, frame: &Frame) -> Result<(), PostprocessError> {
        let mut frame = self.scaler.fit(frame, self.size).map_err(PostprocessError::encoder(Variant::Video))?;
        if let Some(mark) = &self.mark {
            mark.blend(frame.to_mut());
        }
        // The video first: its encoder works on in threads of its own while the small pictures are drawn here.
        self.video.push(&frame)?;
        self.poster.push(self.shown, &frame)?;
        self.spritesheet.push(self.shown, &frame)?;
        self.preview.push(self.shown, &frame)?;
        self.shown += 1;
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
        let files = vec![
            (Variant::Video, self.size),
            (Variant::Thumbnail, self.size),
            (Variant::Spritesheet, self.spritesheet.size()),
            (Variant::SpritesheetVtt, self.spritesheet.size()),
            (Variant::Preview, self.preview.size()),
        ];
        let frames = self.video.finish()?;
        write(&self.folder, Variant::Thumbnail, &self.poster.finish())?;
        write(&self.folder, Variant::SpritesheetVtt, self.spritesheet.list(self.fps).as_bytes())?;
        write(&self.folder, Variant::Spritesheet, &self.spritesheet.finish()?)?;
        write(&self.folder, Variant::Preview, &self.preview.finish()?)?;
        Ok((files, frames))
    }
}

fn write(folder: &Path, variant: Variant, bytes: &[u8]) -> Result<(), PostprocessError> {
    Ok(std::fs::write(folder.join(variant.file_name()), bytes)?)
}
