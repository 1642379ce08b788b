//! A look inside a render, for comparing it with another implementation.

use candle_core::Tensor;

/// Sees what happens in a render, and may bring the noise that it starts from.
pub(crate) trait Probe {
    /// The noise to start from in place of the seed's: `[1, channels, T, h, w]`.
    fn noise(&mut self) -> Option<Tensor> {
        None
    }

    /// What the transformer was given at its `call`-th call, from 0.
    fn input(&mut self, _call: usize, _latents: &Tensor) {}

    /// What block number `block` gave: `[tokens, d]`.
    fn block(&mut self, _call: usize, _block: usize, _rows: &Tensor) {}

    /// What the transformer predicted.
    fn output(&mut self, _call: usize, _velocity: &Tensor) {}

    /// The latents after a step.
    fn step(&mut self, _step: usize, _latents: &Tensor) {}

    /// The image encoder's view of the source images: `[images, rows, channels]`.
    fn view(&mut self, _rows: &Tensor) {}
}

/// Nobody looks.
impl Probe for () {}
