//! The line between a running render and whoever waits for it: progress one way, the wish to stop the other.

use crate::error::{Error, Result};

/// What a render is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    /// Weights are being read.
    Load,
    /// The prompt and the source images are being encoded.
    Encode,
    /// The noise is being walked down; one unit is one step of the schedule.
    Denoise,
    /// Latents are becoming frames; one unit is one latent frame.
    Decode,
}

/// Watches a render.
pub trait Watch: Sync {
    /// Whether the render shall stop. Asked between the blocks of the transformer and the chunks of the decoder.
    fn stopped(&self) -> bool {
        false
    }

    /// `done` of `total` units of `stage` are done.
    fn progress(&self, _stage: Stage, _done: usize, _total: usize) {}
}

/// Nobody watches.
impl Watch for () {}

impl dyn Watch + '_ {
    /// Ends the work here when the render shall stop.
    ///
    /// # Errors
    /// [`Error::Stopped`].
    pub fn check(&self) -> Result<()> {
        if self.stopped() { Err(Error::Stopped) } else { Ok(()) }
    }
}
