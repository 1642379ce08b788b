//! What follows a matrix product: the bias, and an activation.

use candle_core::{CpuStorage, InplaceOp2, Layout, Result, Tensor};
use pulp::{Simd, WithSimd};
use rayon::prelude::*;

use super::simd::{gelu, vectorized};

/// What is done to every number after the bias.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::dit) enum Activation {
    /// Nothing.
    None,
    /// The tanh form of GELU.
    Gelu,
}

/// Adds `bias` (`[d]`) to every row of `x` (`[rows, d]`) and activates it, in place.
pub(in crate::dit) fn finish(x: &Tensor, bias: &Tensor, activation: Activation) -> Result<()> {
    x.inplace_op2(bias, &Epilogue(activation))
}

struct Epilogue(Activation);

impl InplaceOp2 for Epilogue {
    fn name(&self) -> &'static str {
        "bias-and-activation"
    }

    fn cpu_fwd(&self, x: &mut CpuStorage, layout: &Layout, bias: &CpuStorage, bias_layout: &Layout) -> Result<()> {
        let (Some((start, end)), CpuStorage::F32(x)) = (layout.contiguous_offsets(), x) else {
            candle_core::bail!("the tensor has to be contiguous and f32")
        };
        let bias = super::numbers(bias, bias_layout)?;
        x[start..end].par_chunks_mut(bias.len()).for_each(|row| vectorized(Row { row, bias, activation: self.0 }));
        Ok(())
    }
}

struct Row<'a> {
    row: &'a mut [f32],
    bias: &'a [f32],
    activation: Activation,
}

impl WithSimd for Row<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) {
        match self.activation {
            Activation::None => {
                for (x, bias) in self.row.iter_mut().zip(self.bias) {
                    *x += bias;
                }
            }
            Activation::Gelu => {
                for (x, bias) in self.row.iter_mut().zip(self.bias) {
                    *x = gelu::<S>(*x + bias);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use candle_core::{Device, Result, Tensor};

    use super::*;

    #[test]
    fn every_row_gets_the_bias_and_the_activation() -> Result<()> {
        let x = Tensor::randn(0f32, 2., (3, 21), &Device::Cpu)?;
        let bias = Tensor::randn(0f32, 2., 21, &Device::Cpu)?;
        let expected = x.broadcast_add(&bias)?;
        for (activation, expected) in [(Activation::None, expected.clone()), (Activation::Gelu, expected.gelu()?)] {
            let y = x.copy()?;
            finish(&y, &bias, activation)?;
            let difference = (y - expected)?.abs()?.max_all()?.to_scalar::<f32>()?;
            assert!(difference < 2e-6, "{activation:?}: {difference}");
        }
        Ok(())
    }
}
