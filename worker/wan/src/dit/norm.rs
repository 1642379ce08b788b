//! Normalisation of tokens, always computed in f32.

use candle_core::{DType, Result, Tensor};
use candle_nn::ops;

/// Layer norm over the channels of `[tokens, d]` with `weight` and `bias` (`[d]`, f32); the result has `x`'s type.
pub(super) fn layer_norm(x: &Tensor, weight: &Tensor, bias: &Tensor, eps: f64) -> Result<Tensor> {
    ops::layer_norm(&x.to_dtype(DType::F32)?.contiguous()?, weight, bias, eps as f32)?.to_dtype(x.dtype())
}

/// Root-mean-square norm over the channels of `[tokens, d]` with `weight` (`[d]`, f32); the result is f32.
pub(super) fn rms_norm(x: &Tensor, weight: &Tensor, eps: f64) -> Result<Tensor> {
    ops::rms_norm(&x.to_dtype(DType::F32)?, weight, eps as f32)
}
