//! The attention of the tokens to each other.

use candle_core::{Result, Tensor};
use candle_nn::VarBuilder;

use super::attention::attend;
use super::config::Config;
use super::linear::Linear;
use super::norm::rms_norm;
use super::rope::Rope;

/// Self-attention with rotated, normalised queries and keys.
#[derive(Debug)]
pub(super) struct SelfAttention {
    q: Linear,
    k: Linear,
    v: Linear,
    out: Linear,
    norm_q: Tensor,
    norm_k: Tensor,
    head: usize,
    eps: f64,
}

impl SelfAttention {
    /// Reads norms from `exact` and matrices from `half`.
    pub(super) fn load(config: &Config, exact: &VarBuilder, half: &VarBuilder) -> Result<Self> {
        let d = config.inner_dim();
        Ok(Self {
            q: Linear::load(d, d, &half.pp("to_q"))?,
            k: Linear::load(d, d, &half.pp("to_k"))?,
            v: Linear::load(d, d, &half.pp("to_v"))?,
            out: Linear::load(d, d, &half.pp("to_out.0"))?,
            norm_q: exact.get(d, "norm_q.weight")?,
            norm_k: exact.get(d, "norm_k.weight")?,
            head: config.attention_head_dim,
            eps: config.eps,
        })
    }

    /// Passes `[tokens, d]` through.
    pub(super) fn forward(&self, x: &Tensor, rope: &Rope) -> Result<Tensor> {
        let heads = ((), self.head);
        let turned = |linear: &Linear, norm: &Tensor| {
            let y = rms_norm(&linear.forward(x)?, norm, self.eps)?;
            rope.rotate(&y.reshape((y.dim(0)?, heads.0, heads.1))?)?.to_dtype(x.dtype())
        };
        let (q, k) = (turned(&self.q, &self.norm_q)?, turned(&self.k, &self.norm_k)?);
        let v = self.v.forward(x)?;
        let v = v.reshape((v.dim(0)?, heads.0, heads.1))?;
        self.out.forward(&attend(&q, &k, &v)?)
    }
}
