//! Post-processing: frames in, finished files on local disk out.
//!
//! One pass over the frames: each is brought to the asked size once and handed to the video encoder and then to the
//! thread that draws poster, spritesheet and preview. Encoding runs while frames still arrive, nothing raw touches the
//! disk, and memory does not grow with the length of the video.

use std::path::Path;

use tokio::sync::mpsc;

use crate::engine::Frame;

mod checksum;
mod clip;
mod encode;
mod error;
#[cfg(test)]
mod ffprobe;
mod outputs;
mod packet;
mod pictures;
mod poster;
mod preview;
mod probe;
mod recipe;
mod scale;
mod spritesheet;
pub(crate) mod stage;
mod start;
#[cfg(test)]
mod tests;
#[cfg(test)]
mod tests_fault;

mod webp;
mod yuv420;

pub use clip::{Clip, ClipFile};
pub use clipmill_shared::storage::key::Variant;
pub use error::PostprocessError;
pub use probe::{Probe, probe};
pub use recipe::Recipe;

/// What an engine gives: a stream of frames.
#[derive(Debug)]
pub struct Footage {
    /// Frames per second at which the frames are shown.
    pub fps: u32,
    /// How many frames the stream carries, exactly.
    pub frames: u32,
    /// The engine's name, written to the video's metadata.
    pub engine: String,
    /// The frames in order. It ends when the engine drops its sender; the channel's bound is what slows the engine
    /// down to the encoder's speed.
    pub stream: mpsc::Receiver<Frame>,
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
/// Frames of another size are scaled, and cut at the edges where their shape differs. Blocks until the stream ends, so
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
pub fn postprocess(mut footage: Footage, recipe: &Recipe, scratch: &Path) -> Result<Clip, PostprocessError> {
    start::start()?;
    let folder = tempfile::Builder::new().prefix("clip-").tempdir_in(scratch)?;
    let mut outputs = outputs::Outputs::open(&footage, recipe, folder.path())?;
    while let Some(frame) = footage.stream.blocking_recv() {
        outputs.push(frame)?;
    }
    let files = outputs.finish()?;
    Ok(Clip::new(files, footage.frames, folder))
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
