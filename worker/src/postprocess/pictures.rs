//! The small pictures: poster, spritesheet with its list, and preview, drawn in a thread of their own while the video is encoded.

use std::panic::resume_unwind;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::JoinHandle;

use super::poster::Poster;
use super::preview::Preview;
use super::spritesheet::Spritesheet;
use super::{PostprocessError, Target, Variant};
use crate::engine::Frame;

/// Frames that wait to be looked at, at most. The poster takes as long as the video takes for a few frames, and the video
/// shall not wait for it.
const FRAMES_WAITING: usize = 8;

/// A finished picture.
pub(super) struct Picture {
    /// Which of the clip's files it is.
    pub(super) variant: Variant,
    /// Its size.
    pub(super) size: Target,
    /// The file's content.
    pub(super) bytes: Vec<u8>,
}

/// Shows each frame to those who draw. They end by themselves once it is dropped.
pub(super) struct Pictures {
    frames: SyncSender<Frame>,
    drawing: JoinHandle<Result<Vec<Picture>, PostprocessError>>,
}

impl Pictures {
    /// Starts to draw for a video of `size`, `frames` frames and `fps` frames per second.
    pub(super) fn start(size: Target, frames: u32, fps: u32) -> Result<Self, PostprocessError> {
        let (sender, receiver) = sync_channel(FRAMES_WAITING);
        let thread = std::thread::Builder::new().name("pictures".to_owned());
        let drawing = thread.spawn(move || draw(size, frames, fps, &receiver))?;
        Ok(Self { frames: sender, drawing })
    }

    /// Shows them the next frame. Waits while they are far behind; if they have failed, [`Self::finish`] says why.
    pub(super) fn push(&self, frame: Frame) {
        let _ = self.frames.send(frame);
    }

    /// The finished pictures.
    pub(super) fn finish(self) -> Result<Vec<Picture>, PostprocessError> {
        drop(self.frames);
        self.drawing.join().unwrap_or_else(|panic| resume_unwind(panic))
    }
}

fn draw(size: Target, frames: u32, fps: u32, receiver: &Receiver<Frame>) -> Result<Vec<Picture>, PostprocessError> {
    let (mut poster, mut spritesheet) = (Poster::new(size, frames), Spritesheet::new(size, frames));
    let mut preview = Preview::open(size, fps)?;
    let mut seen = 0;
    for (index, frame) in (0..).zip(receiver) {
        seen = index + 1;
        poster.push(index, &frame)?;
        spritesheet.push(index, &frame)?;
        preview.push(index, &frame)?;
    }
    if seen < frames {
        // The video was given up, and nobody asks for its pictures.
        return Ok(Vec::new());
    }
    let (sheet_size, preview_size) = (spritesheet.size(), preview.size());
    let list = spritesheet.list(fps).into_bytes();
    Ok(vec![
        Picture { variant: Variant::Thumbnail, size, bytes: poster.finish() },
        Picture { variant: Variant::Spritesheet, size: sheet_size, bytes: spritesheet.finish()? },
        Picture { variant: Variant::SpritesheetVtt, size: sheet_size, bytes: list },
        Picture { variant: Variant::Preview, size: preview_size, bytes: preview.finish()? },
    ])
}
