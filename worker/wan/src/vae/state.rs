//! What one pass over a video keeps from chunk to chunk; the weights themselves never change.

use candle_core::Tensor;

use crate::error::Result;
use crate::watch::Watch;

/// The place of one layer's frames in a [`State`]; handed out when the weights are loaded.
pub(super) type Slot = usize;

/// A frame `[1, C, H, W]` that a layer has seen; `None` stands for one of zeros before the video's first.
pub(super) type Seen = Option<Tensor>;

/// The state of one encoding, or of one tile's decoding.
pub(super) struct State<'a> {
    seen: Vec<Vec<Seen>>,
    /// Whether the chunk at hand is the video's first.
    pub(super) first: bool,
    /// Asked between blocks whether to go on.
    pub(super) watch: &'a dyn Watch,
}

impl<'a> State<'a> {
    /// The state before the first chunk, for a network with that many slots.
    pub(super) fn new(slots: usize, watch: &'a dyn Watch) -> Self {
        Self { seen: vec![Vec::new(); slots], first: true, watch }
    }

    /// The `count` frames before `chunk` `[T, C, H, W]`, whose own last `count` are kept for the next one.
    pub(super) fn advance(&mut self, slot: Slot, chunk: &Tensor, count: usize) -> Result<Vec<Seen>> {
        let mut before = std::mem::take(&mut self.seen[slot]);
        before.resize(count, None);
        let frames = chunk.dim(0)?;
        let kept = frames.min(count);
        let last = chunk.narrow(0, frames - kept, kept)?;
        // A view would keep the whole chunk in memory.
        let last = if kept < frames { last.force_contiguous()? } else { last };
        let mut seen = before[kept..].to_vec();
        for frame in 0..kept {
            seen.push(Some(last.narrow(0, frame, 1)?));
        }
        self.seen[slot] = seen;
        Ok(before)
    }
}
