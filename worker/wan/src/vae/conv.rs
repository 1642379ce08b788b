//! Convolutions over frames, rows and columns.
//!
//! Frames are the first axis of a tensor, `[T, C, H, W]`, so that a convolution over space only is a plain 2-D one. One
//! over frames as well lays the frames under each output frame side by side as channels, with weights that were reordered
//! to match when they were loaded, and is then a plain 2-D one, too. In f32 on the CPU both are done by `cpu` instead.

use candle_core::{DType, Tensor};

use crate::error::Result;

use super::cpu::convolution::{Convolution, Input};
use super::cpu::tensor::{Floats, from_floats};
use super::shape::{Sampling, Shape};
use super::state::{Seen, Slot, State};

/// A convolution with its weights.
pub(super) struct Conv {
    shape: Shape,
    kernel: Kernel,
}

enum Kernel {
    /// In f32 on the CPU.
    Cpu(Convolution),
    /// `[outputs, taps * inputs, size, size]` and `[1, outputs, 1, 1]`, for the tensor library.
    Folded { weight: Tensor, bias: Tensor },
}

impl Conv {
    /// A convolution with `weight` `[outputs, inputs, taps, size, size]` and `bias` `[outputs]`, done where they lie.
    pub(super) fn new(shape: Shape, weight: &Tensor, bias: &Tensor) -> Result<Self> {
        if !weight.device().is_cpu() || weight.dtype() != DType::F32 {
            return Self::folded(shape, weight, bias);
        }
        let (weight, bias) = (Floats::of(weight)?, Floats::of(bias)?);
        Ok(Self { shape, kernel: Kernel::Cpu(Convolution::new(shape, weight.slice()?, bias.slice()?)) })
    }

    /// The same, done by the tensor library.
    fn folded(shape: Shape, weight: &Tensor, bias: &Tensor) -> Result<Self> {
        let folded = (shape.outputs, shape.taps * shape.inputs, shape.size, shape.size);
        let weight = weight.transpose(1, 2)?.reshape(folded)?.contiguous()?;
        let bias = bias.reshape((1, shape.outputs, 1, 1))?;
        Ok(Self { shape, kernel: Kernel::Folded { weight, bias } })
    }

    /// Goes over each frame of `x` `[T, C, H, W]` alone.
    pub(super) fn images(&self, x: &Tensor) -> Result<Tensor> {
        self.forward(&[], x, 1, None)
    }

    /// Goes over the frames `before` `chunk` `[T, C, H, W]` and `chunk` itself in steps of `step` frames, and adds
    /// `residual`.
    pub(super) fn forward(
        &self,
        before: &[Seen],
        chunk: &Tensor,
        step: usize,
        residual: Option<&Tensor>,
    ) -> Result<Tensor> {
        match &self.kernel {
            Kernel::Cpu(convolution) => self.on_cpu(convolution, before, chunk, step, residual),
            Kernel::Folded { weight, bias } => {
                let y = self.slide(&self.fold(before, chunk, step)?, weight)?.broadcast_add(bias)?;
                Ok(if let Some(residual) = residual { (y + residual)? } else { y })
            }
        }
    }

    fn on_cpu(
        &self,
        convolution: &Convolution,
        before: &[Seen],
        chunk: &Tensor,
        step: usize,
        residual: Option<&Tensor>,
    ) -> Result<Tensor> {
        let (_, channels, rows, columns) = chunk.dims4()?;
        let before = before.iter().map(|seen| seen.as_ref().map(Floats::of).transpose());
        let before: Vec<_> = before.collect::<candle_core::Result<_>>()?;
        let (chunk, residual) = (Floats::of(chunk)?, residual.map(Floats::of).transpose()?);
        let before = before.iter().map(|seen| seen.as_ref().map(Floats::slice).transpose());
        let mut frames: Vec<Option<&[f32]>> = before.collect::<candle_core::Result<_>>()?;
        frames.extend(chunk.slice()?.chunks_exact(channels * rows * columns).map(Some));
        let residual = residual.as_ref().map(Floats::slice).transpose()?;
        let input = Input { frames: &frames, size: (rows, columns), step, residual };
        let (high, wide) = self.shape.output(input.size);
        let y = convolution.forward(&input);
        let frames = y.len() / (self.shape.outputs * high * wide);
        Ok(from_floats(y, (frames, self.shape.outputs, high, wide))?)
    }

    /// `[T', taps * C, H, W]`: for each output frame the channels of all frames that it is made from.
    fn fold(&self, before: &[Seen], chunk: &Tensor, step: usize) -> Result<Tensor> {
        let taps = self.shape.taps;
        if taps == 1 {
            return Ok(chunk.clone());
        }
        let zero = chunk.narrow(0, 0, 1)?.zeros_like()?;
        let mut frames: Vec<&Tensor> = before.iter().map(|seen| seen.as_ref().unwrap_or(&zero)).collect();
        frames.push(chunk);
        let frames = Tensor::cat(&frames, 0)?;
        let last = frames.dim(0)? - taps;
        let windows = (0..=last).step_by(step).map(|first| {
            let (_, channels, rows, columns) = frames.dims4()?;
            frames.narrow(0, first, taps)?.reshape((1, taps * channels, rows, columns))
        });
        Ok(Tensor::cat(&windows.collect::<candle_core::Result<Vec<_>>>()?, 0)?)
    }

    fn slide(&self, x: &Tensor, weight: &Tensor) -> Result<Tensor> {
        let (_, _, rows, columns) = x.dims4()?;
        let y = match self.shape.sampling {
            Sampling::Same => x.conv2d(weight, self.shape.size / 2, 1, 1, 1)?,
            Sampling::Doubled => x.upsample_nearest2d(rows * 2, columns * 2)?.conv2d(weight, 1, 1, 1, 1)?,
            Sampling::Halved => {
                let padded = x.pad_with_zeros(2, 0, 1)?.pad_with_zeros(3, 0, 1)?;
                padded.conv2d(weight, 0, 2, 1, 1)?
            }
        };
        Ok(y)
    }
}

/// A convolution over a frame and the two before it, which remembers those two from chunk to chunk.
pub(super) struct Causal {
    conv: Conv,
    slot: Slot,
}

impl Causal {
    /// A convolution of three frames, and its place in the state.
    pub(super) fn new(conv: Conv, slot: Slot) -> Self {
        Self { conv, slot }
    }

    /// Goes over `chunk` `[T, C, H, W]` and gives as many frames.
    pub(super) fn forward(&self, chunk: &Tensor, state: &mut State<'_>) -> Result<Tensor> {
        self.run(chunk, None, state)
    }

    /// The same, added to `residual`.
    pub(super) fn onto(&self, residual: &Tensor, chunk: &Tensor, state: &mut State<'_>) -> Result<Tensor> {
        self.run(chunk, Some(residual), state)
    }

    fn run(&self, chunk: &Tensor, residual: Option<&Tensor>, state: &mut State<'_>) -> Result<Tensor> {
        let before = state.advance(self.slot, chunk, self.conv.shape.taps - 1)?;
        self.conv.forward(&before, chunk, 1, residual)
    }
}
