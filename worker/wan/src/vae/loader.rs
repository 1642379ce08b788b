//! From the tensors of a file to the layers of a network.

use std::cell::Cell;
use std::fmt::Display;

use candle_core::Tensor;
use candle_nn::VarBuilder;

use crate::error::Result;
use crate::watch::Watch;

use super::conv::{Causal, Conv};
use super::norm::RmsNorm;
use super::shape::Shape;
use super::state::Slot;

/// A place among the names of the tensors, and the slots of the state that were handed out so far.
#[derive(Clone)]
pub(super) struct Loader<'a> {
    weights: VarBuilder<'static>,
    slots: &'a Cell<Slot>,
    watch: &'a dyn Watch,
}

impl<'a> Loader<'a> {
    /// The place of all names.
    pub(super) fn new(weights: VarBuilder<'static>, slots: &'a Cell<Slot>, watch: &'a dyn Watch) -> Self {
        Self { weights, slots, watch }
    }

    /// The names that begin with `name` and a dot.
    pub(super) fn at(&self, name: impl Display) -> Self {
        Self { weights: self.weights.pp(name), ..self.clone() }
    }

    /// The next free place in the state.
    pub(super) fn slot(&self) -> Slot {
        let slot = self.slots.get();
        self.slots.set(slot + 1);
        slot
    }

    /// A convolution that is stored with an axis for frames.
    pub(super) fn conv(&self, shape: Shape) -> Result<Conv> {
        self.watch.check()?;
        let kernel = (shape.outputs, shape.inputs, shape.taps, shape.size, shape.size);
        self.finish(shape, self.weights.get(kernel, "weight")?)
    }

    /// A convolution that is stored without an axis for frames.
    pub(super) fn conv_of_images(&self, shape: Shape) -> Result<Conv> {
        self.watch.check()?;
        let kernel = (shape.outputs, shape.inputs, shape.size, shape.size);
        self.finish(shape, self.weights.get(kernel, "weight")?.unsqueeze(2)?)
    }

    /// A causal convolution, with its place in the state.
    pub(super) fn causal(&self, inputs: usize, outputs: usize) -> Result<Causal> {
        Ok(Causal::new(self.conv(Shape::causal(inputs, outputs))?, self.slot()))
    }

    fn finish(&self, shape: Shape, weight: Tensor) -> Result<Conv> {
        Conv::new(shape, &weight, &self.weights.get(shape.outputs, "bias")?)
    }

    /// The norm of activations with an axis for frames.
    pub(super) fn norm(&self, channels: usize) -> Result<RmsNorm> {
        RmsNorm::new(&self.weights.get((channels, 1, 1, 1), "gamma")?.reshape(channels)?)
    }

    /// The norm of activations without an axis for frames.
    pub(super) fn norm_of_images(&self, channels: usize) -> Result<RmsNorm> {
        RmsNorm::new(&self.weights.get((channels, 1, 1), "gamma")?.reshape(channels)?)
    }
}
