//! How much a render has to compute and to hold, known before it starts.

use super::model::Model;
use super::request::{Request, Settings, Shape};
use crate::error::Result;
use crate::memory;
use crate::schedule::Schedule;

/// What the transformer has to do for one video.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Work {
    /// Steps of the schedule.
    pub steps: usize,
    /// Calls of the transformer: one a step, two under guidance.
    pub forwards: usize,
    /// Tokens in each call.
    pub tokens: usize,
    /// Floating-point operations of all calls.
    pub flop: f64,
}

impl Model {
    /// What the transformer has to do for `request`.
    ///
    /// # Errors
    /// [`Error::Rejected`](crate::Error::Rejected) for what this model cannot render.
    pub fn work(&self, request: &Request, settings: &Settings) -> Result<Work> {
        let tokens = Shape::of(request, self.folder())?.tokens();
        let steps = Schedule::new(&self.folder().schedule, &settings.sampling)?.len();
        let forwards = if settings.guidance > 1.0 { 2 * steps } else { steps };
        let config = &self.folder().transformer;
        let flop = forwards as f64 * config.flops(tokens, settings.text_length);
        Ok(Work { steps, forwards, tokens, flop })
    }

    /// Refuses a render whose tensors have no room beside the weights.
    ///
    /// The transformer holds about ten times its rows, and the rows of one feed-forward block twice.
    pub(super) fn require_memory(&self, shape: &Shape) -> Result<()> {
        let config = &self.folder().transformer;
        let row = 10 * config.inner_dim() + 2 * config.ffn_dim;
        let bytes = (shape.tokens() * row * self.dtype().size_in_bytes()) as u64;
        let what = format!("a video of {}x{} and {} frames", shape.width, shape.height, shape.frames);
        memory::require(&what, bytes, self.device())
    }
}
