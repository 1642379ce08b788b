//! The attention of the tokens to the prompt and, in models that see one, to the image.

use candle_core::{Result, Tensor};
use candle_nn::VarBuilder;

use super::attention::attend;
use super::config::Config;
use super::linear::Linear;
use super::norm::rms_norm;

/// Keys and values of one block, `[rows, heads, head]` each.
#[derive(Debug, Clone)]
pub(super) struct KeyValues {
    text: (Tensor, Tensor),
    image: Option<(Tensor, Tensor)>,
}

/// Cross-attention with normalised queries and keys, and no positions.
#[derive(Debug)]
pub(super) struct CrossAttention {
    q: Linear,
    norm_q: Tensor,
    text: Keys,
    image: Option<Keys>,
    out: Linear,
    head: usize,
    eps: f64,
}

/// What makes keys and values of rows.
#[derive(Debug)]
struct Keys {
    k: Linear,
    v: Linear,
    norm: Tensor,
}

impl CrossAttention {
    /// Reads norms from `exact` and matrices from `half`.
    pub(super) fn load(config: &Config, exact: &VarBuilder, half: &VarBuilder) -> Result<Self> {
        let d = config.inner_dim();
        let keys = |k: &str, v: &str, norm: &str| -> Result<Keys> {
            Ok(Keys {
                k: Linear::load(d, d, &half.pp(k))?,
                v: Linear::load(d, d, &half.pp(v))?,
                norm: exact.get(d, norm)?,
            })
        };
        let image = match config.image_dim {
            Some(_) => Some(keys("add_k_proj", "add_v_proj", "norm_added_k.weight")?),
            None => None,
        };
        Ok(Self {
            q: Linear::load(d, d, &half.pp("to_q"))?,
            norm_q: exact.get(d, "norm_q.weight")?,
            text: keys("to_k", "to_v", "norm_k.weight")?,
            image,
            out: Linear::load(d, d, &half.pp("to_out.0"))?,
            head: config.attention_head_dim,
            eps: config.eps,
        })
    }

    /// Keys and values of `text` and `image`, `[rows, d]` each.
    pub(super) fn key_values(&self, text: &Tensor, image: Option<&Tensor>) -> Result<KeyValues> {
        let make = |keys: &Keys, rows: &Tensor| -> Result<(Tensor, Tensor)> {
            let k = rms_norm(&keys.k.forward(rows)?, &keys.norm, self.eps)?.to_dtype(rows.dtype())?;
            Ok((self.split(&k)?, self.split(&keys.v.forward(rows)?)?))
        };
        let image = match (&self.image, image) {
            (Some(keys), Some(rows)) => Some(make(keys, rows)?),
            _ => None,
        };
        Ok(KeyValues { text: make(&self.text, text)?, image })
    }

    /// Passes `[tokens, d]` through.
    pub(super) fn forward(&self, x: &Tensor, context: &KeyValues) -> Result<Tensor> {
        let q = rms_norm(&self.q.forward(x)?, &self.norm_q, self.eps)?.to_dtype(x.dtype())?;
        let q = self.split(&q)?;
        let (k, v) = &context.text;
        let mut y = attend(&q, k, v)?;
        if let Some((k, v)) = &context.image {
            y = (y + attend(&q, k, v)?)?;
        }
        self.out.forward(&y)
    }

    fn split(&self, x: &Tensor) -> Result<Tensor> {
        x.reshape((x.dim(0)?, (), self.head))
    }
}
