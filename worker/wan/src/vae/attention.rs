//! The attention of each frame to itself.

use candle_core::{DType, Tensor};
use candle_nn::ops::softmax_last_dim;

use crate::error::Result;

use super::conv::Conv;
use super::loader::Loader;
use super::norm::RmsNorm;
use super::shape::Shape;

/// Queries whose scores are in memory at once.
const QUERIES: usize = 1024;

/// One head of all channels over the pixels of a frame.
pub(super) struct Attention {
    norm: RmsNorm,
    /// Queries, keys and values, in this order.
    qkv: Conv,
    out: Conv,
}

impl Attention {
    /// The attention whose names begin at `at`.
    pub(super) fn load(at: &Loader<'_>, channels: usize) -> Result<Self> {
        Ok(Self {
            norm: at.at("norm").norm_of_images(channels)?,
            qkv: at.at("to_qkv").conv_of_images(Shape::pointwise(channels, 3 * channels))?,
            out: at.at("proj").conv_of_images(Shape::pointwise(channels, channels))?,
        })
    }

    /// Goes over frames `[T, C, H, W]`.
    pub(super) fn forward(&self, x: &Tensor) -> Result<Tensor> {
        let (frames, channels, rows, columns) = x.dims4()?;
        let qkv = self.qkv.images(&self.norm.forward(x)?)?.reshape((frames, 3, channels, rows * columns))?;
        let mut attended = Vec::with_capacity(frames);
        for frame in 0..frames {
            let part = |index: usize| qkv.get(frame)?.get(index);
            attended.push(attend(&part(0)?, &part(1)?, &part(2)?)?);
        }
        let y = Tensor::stack(&attended, 0)?.reshape((frames, channels, rows, columns))?;
        self.out.forward(&[], &y, 1, Some(x))
    }
}

/// `v · softmax(qᵀ k / sqrt(C))ᵀ` of `q`, `k` and `v` `[C, pixels]`.
fn attend(q: &Tensor, k: &Tensor, v: &Tensor) -> Result<Tensor> {
    let (channels, pixels) = q.dims2()?;
    let q = (q * (channels as f64).powf(-0.5))?;
    let mut attended = Vec::new();
    for first in (0..pixels).step_by(QUERIES) {
        let some = q.narrow(1, first, QUERIES.min(pixels - first))?;
        let scores = some.t()?.contiguous()?.matmul(k)?.to_dtype(DType::F32)?;
        let weights = softmax_last_dim(&scores)?.to_dtype(v.dtype())?;
        attended.push(v.matmul(&weights.t()?)?);
    }
    Ok(Tensor::cat(&attended, 1)?.contiguous()?)
}
