//! The normalisation over channels.

use candle_core::{DType, Tensor};

use crate::error::Result;

use super::cpu;
use super::cpu::tensor::{Floats, from_floats};

/// What a norm is kept above, so that a pixel of zeros stays one.
pub(super) const SMALLEST: f32 = 1e-12;

/// Divides the channels of each pixel by their root mean square, and multiplies each by a learned factor.
pub(super) struct RmsNorm {
    /// The factors, `[C]`, in f32.
    gamma: Tensor,
}

impl RmsNorm {
    /// A norm with `gamma` `[C]`.
    pub(super) fn new(gamma: &Tensor) -> Result<Self> {
        Ok(Self { gamma: gamma.to_dtype(DType::F32)? })
    }

    /// The norm of `x` `[T, C, H, W]`.
    pub(super) fn forward(&self, x: &Tensor) -> Result<Tensor> {
        self.run(x, false)
    }

    /// `SiLU(norm(x))`, which is what every convolution but the first of a network goes over.
    pub(super) fn silu(&self, x: &Tensor) -> Result<Tensor> {
        self.run(x, true)
    }

    fn run(&self, x: &Tensor, silu: bool) -> Result<Tensor> {
        if x.device().is_cpu() && x.dtype() == DType::F32 {
            let (floats, gamma) = (Floats::of(x)?, Floats::of(&self.gamma)?);
            let pixels = x.dim(2)? * x.dim(3)?;
            return Ok(from_floats(cpu::norm::rms(floats.slice()?, gamma.slice()?, pixels, silu), x.shape())?);
        }
        let wide = x.to_dtype(DType::F32)?;
        let norm = wide.sqr()?.sum_keepdim(1)?.sqrt()?.clamp(SMALLEST, f32::MAX)?;
        let channels = self.gamma.dim(0)?;
        let gamma = (&self.gamma * (channels as f64).sqrt())?.reshape((1, channels, 1, 1))?;
        let y = wide.broadcast_div(&norm)?.broadcast_mul(&gamma)?;
        Ok(if silu { y.silu()? } else { y }.to_dtype(x.dtype())?)
    }
}
