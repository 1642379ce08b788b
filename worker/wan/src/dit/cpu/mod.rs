//! The transformer's work on the CPU in f32, where candle goes over the numbers once more for every operation, and
//! often on one core.

mod attention;
mod epilogue;
mod gemm;
mod simd;

use candle_core::{CpuStorage, DType, Layout, Result, Tensor};

pub(super) use attention::attend;
pub(super) use epilogue::{Activation, finish};

/// Whether the functions of this module take `x`.
pub(super) fn suits(x: &Tensor) -> bool {
    x.device().is_cpu() && x.dtype() == DType::F32
}

/// The numbers of a contiguous tensor.
fn numbers<'a>(storage: &'a CpuStorage, layout: &Layout) -> Result<&'a [f32]> {
    match layout.contiguous_offsets() {
        Some((start, end)) => Ok(&storage.as_slice::<f32>()?[start..end]),
        None => candle_core::bail!("the tensor has to be contiguous"),
    }
}
