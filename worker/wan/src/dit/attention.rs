//! Scaled dot-product attention, by whichever way suits the device.

use candle_core::{DType, Result, Tensor};
use candle_nn::ops::softmax_last_dim;

use super::cpu;

/// Scores that are held at once where the whole matrix would not fit, in bytes.
const SCORES: usize = 256 << 20;

/// `softmax(q k^T / sqrt(head)) v` for each head, without a mask.
///
/// `q` is `[queries, heads, head]`, `k` and `v` are `[keys, heads, head]`; the result is `[queries, heads * head]`.
pub(super) fn attend(q: &Tensor, k: &Tensor, v: &Tensor) -> Result<Tensor> {
    #[cfg(feature = "flash-attn")]
    if q.device().is_cuda() && matches!(q.dtype(), DType::F16 | DType::BF16) && q.dim(2)?.is_multiple_of(8) {
        return flash(q, k, v);
    }
    if cpu::suits(q) {
        return cpu::attend(q, k, v);
    }
    in_blocks(q, k, v, SCORES)
}

/// FlashAttention 2, which never holds the scores.
#[cfg(feature = "flash-attn")]
fn flash(q: &Tensor, k: &Tensor, v: &Tensor) -> Result<Tensor> {
    let scale = 1.0 / (q.dim(2)? as f32).sqrt();
    candle_flash_attn::flash_attn(&q.unsqueeze(0)?, &k.unsqueeze(0)?, &v.unsqueeze(0)?, scale, false)?
        .squeeze(0)?
        .flatten_from(1)
}

/// Takes as many queries at a time as keep the scores within `memory` bytes.
fn in_blocks(q: &Tensor, k: &Tensor, v: &Tensor, memory: usize) -> Result<Tensor> {
    let (queries, heads, head) = q.dims3()?;
    let keys = k.dim(0)?;
    let scale = 1.0 / (head as f64).sqrt();
    let [q, k, v] = [by_head(q)?, by_head(k)?, by_head(v)?];
    let k = k.t()?;
    let block = (memory / (heads * keys * size_of::<f32>())).clamp(1, queries);
    let mut parts = Vec::with_capacity(queries.div_ceil(block));
    for start in (0..queries).step_by(block) {
        let q = q.narrow(1, start, block.min(queries - start))?;
        let scores = (q.matmul(&k)?.to_dtype(DType::F32)? * scale)?;
        let part = softmax_last_dim(&scores)?.to_dtype(v.dtype())?.matmul(&v)?;
        parts.push(part.transpose(0, 1)?.flatten_from(1)?);
    }
    Tensor::cat(&parts, 0)
}

/// `[tokens, heads, head]` to `[heads, tokens, head]`.
fn by_head(x: &Tensor) -> Result<Tensor> {
    x.transpose(0, 1)?.contiguous()
}

#[cfg(test)]
mod tests {
    use candle_core::{Device, Result, Tensor};

    use super::*;

    fn random(tokens: usize) -> Result<Tensor> {
        Tensor::randn(0f32, 1., (tokens, 3, 8), &Device::Cpu)
    }

    #[test]
    fn blocks_of_queries_give_what_the_whole_gives() -> Result<()> {
        let (q, k, v) = (random(37)?, random(19)?, random(19)?);
        let whole = in_blocks(&q, &k, &v, SCORES)?;
        let parts = in_blocks(&q, &k, &v, 5 * 3 * 19 * 4)?;
        assert_eq!(whole.dims(), [37, 24]);
        let difference = (whole - parts)?.abs()?.max_all()?.to_scalar::<f32>()?;
        assert!(difference < 1e-6, "{difference}");
        Ok(())
    }

    #[test]
    fn the_processor_gives_what_any_device_gives() -> Result<()> {
        let (q, k, v) = (random(300)?, random(19)?, random(19)?);
        let difference =
            (in_blocks(&q, &k, &v, SCORES)? - attend(&q, &k, &v)?)?.abs()?.max_all()?.to_scalar::<f32>()?;
        assert!(difference < 1e-6, "{difference}");
        Ok(())
    }

    #[test]
    fn a_query_takes_the_value_of_the_key_that_it_points_at() -> Result<()> {
        let keys = (Tensor::eye(8, DType::F32, &Device::Cpu)? * 100.0)?.unsqueeze(1)?;
        let values = Tensor::randn(0f32, 1., (8, 1, 8), &Device::Cpu)?;
        let found = attend(&keys.narrow(0, 5, 1)?, &keys, &values)?.to_vec2::<f32>()?;
        assert_eq!(found[0], values.get(5)?.squeeze(0)?.to_vec1::<f32>()?);
        Ok(())
    }
}
