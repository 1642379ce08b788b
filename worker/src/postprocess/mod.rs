//! Post-processing: frames and sound in, finished files on local disk out.
//!
//! One pass over the frames: each is brought to the asked size once and handed to the video encoder and to the
//! poster, the spritesheet and the preview. Whatever is asked of the file, it is this one way:
//!
//! ```text
//! frame ─▶ looping ─▶ scale ─▶ mark ─▶ yuv420 ─▶ (interpolate) ─▶ encoder ─▶ container
//!                                ├─▶ poster
//!                                ├─▶ spritesheet, and its list in WebVTT
//!                                └─▶ preview
//! sound ───────────────────────────────────────────────────────────────▶ container
//! ```
//!
//! The small pictures are drawn in a thread of their own. Encoding runs while frames still arrive, nothing raw touches the disk, and memory does not grow with the length of the
//! video.

use std::io;
use std::path::Path;

use tempfile::TempDir;
use tokio::sync::mpsc;

use crate::engine::{Frame, Sound};

mod chain;
mod checksum;
mod clip;
mod container;
pub(crate) mod decode;
mod encode;
mod encoder;
mod error;
#[cfg(test)]
mod ffprobe;
mod interpolate;
mod label;
mod letters;
mod looping;
mod mark;
mod outputs;
mod packet;
mod pictures;
mod poster;
mod preview;
mod probe;
pub mod provenance;
mod recipe;
mod sound;
mod spritesheet;
pub(crate) mod stage;
mod start;
#[cfg(test)]
mod tests;
#[cfg(test)]
mod tests_fault;
#[cfg(test)]
mod tests_file;
#[cfg(test)]
mod tests_sound;
mod webp;
mod webvtt;
mod xmp;
mod yuv420;

pub use clip::{Clip, ClipFile};
pub use clipmill_shared::storage::key::Variant;
pub use encoder::{EncoderChoice, EncoderError, Encoders};
pub use error::PostprocessError;
pub use mark::{Content, Mark};
pub use probe::{Probe, probe};
pub use recipe::Recipe;

/// What an engine gives: a stream of frames, with sound or without.
#[derive(Debug)]
pub struct Footage {
    /// Frames per second at which the frames are shown.
    pub fps: u32,
    /// How many frames the stream carries, exactly; those that only serve to make the video repeat are among them.
    pub frames: u32,
    /// The engine's name, written to the video's metadata.
    pub engine: String,
    /// The frames in order, and sound among them. It ends when the engine drops its sender; the channel's bound is what
    /// slows the engine down to the encoder's speed.
    pub stream: mpsc::Receiver<Piece>,
}

/// A piece of footage.
#[derive(Debug)]
pub enum Piece {
    /// The next frame.
    Frame(Frame),
    /// The next stretch of sound. A video with sound begins with one.
    Sound(Sound),
}

/// A picture size in pixels.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Target {
    /// Width in pixels; even for a video.
    pub width: u32,
    /// Height in pixels; even for a video.
    pub height: u32,
}

impl Target {
    /// Width and height.
    fn dimensions(self) -> (u32, u32) {
        (self.width, self.height)
    }

    /// The largest size of the same shape whose long side is at most `long_side` pixels. Never enlarges.
    fn within(self, long_side: u32) -> Self {
        let longest = self.width.max(self.height);
        if longest <= long_side {
            return self;
        }
        let shrink = |side: u32| (u64::from(side) * u64::from(long_side) + u64::from(longest) / 2) / u64::from(longest);
        let side = |side: u32| u32::try_from(shrink(side)).unwrap_or(long_side).max(1);
        Self { width: side(self.width), height: side(self.height) }
    }
}

/// Turns footage into a [`Clip`] by `recipe` whose files lie in a fresh folder inside `scratch`.
///
/// Frames of another size are scaled, and cut at the edges where their shape differs. The poster, the spritesheet and the
/// preview show frames that were drawn, also where the video has more between them. Blocks until the stream ends, so
/// it wants a thread of its own.
///
/// # Errors
///
/// See [`PostprocessError`]. After an error the folder is gone and the footage's sender is closed, so that the engine
/// learns that nobody wants more.
///
/// # Panics
///
/// Inside an asynchronous task, since it blocks.
pub fn postprocess(footage: Footage, recipe: &Recipe, scratch: &Path) -> Result<Clip, PostprocessError> {
    postprocess_in(folder(scratch)?, footage, recipe)
}

/// A fresh folder inside `scratch` for the files of one clip.
fn folder(scratch: &Path) -> io::Result<TempDir> {
    tempfile::Builder::new().prefix("clip-").tempdir_in(scratch)
}

/// As [`postprocess`], with the files in this folder.
fn postprocess_in(folder: TempDir, mut footage: Footage, recipe: &Recipe) -> Result<Clip, PostprocessError> {
    start::start()?;
    let first = footage.stream.blocking_recv();
    let sound = if let Some(Piece::Sound(sound)) = &first { Some(sound) } else { None };
    let mut outputs = outputs::Outputs::open(&footage, sound, recipe, folder.path())?;
    let rest = std::iter::from_fn(|| footage.stream.blocking_recv());
    for piece in first.into_iter().chain(rest) {
        match piece {
            Piece::Frame(frame) => outputs.push(frame)?,
            Piece::Sound(sound) => outputs.sound(&sound)?,
        }
    }
    let (files, frames) = outputs.finish()?;
    recipe.origin.seal(&footage.engine, folder.path(), &files)?;
    let read = |(variant, size)| ClipFile::read(variant, folder.path(), size);
    let files = files.into_iter().map(read).collect::<Result<_, _>>()?;
    Ok(Clip::new(files, frames, folder))
}

#[cfg(test)]
mod target_tests {
    use super::Target;

    #[test]
    fn shrinking_keeps_the_shape_and_never_enlarges() {
        let within = |width, height, long_side| {
            let target = Target { width, height }.within(long_side);
            (target.width, target.height)
        };
        assert_eq!(within(1366, 768, 320), (320, 180));
        assert_eq!(within(768, 1366, 160), (90, 160));
        assert_eq!(within(64, 64, 160), (64, 64));
        assert_eq!(within(4000, 2, 100), (100, 1));
    }
}
