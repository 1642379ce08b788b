//! One block of the transformer: self-attention, cross-attention, feed-forward.

use candle_core::{Result, Tensor};
use candle_nn::VarBuilder;

use super::config::Config;
use super::cross_attention::{CrossAttention, KeyValues};
use super::linear::Linear;
use super::modulation::Modulation;
use super::norm::layer_norm;
use super::rope::Rope;
use super::self_attention::SelfAttention;

/// What is the same for all blocks of a forward pass.
#[derive(Debug)]
pub(super) struct Pass {
    /// What the blocks learn of the timesteps: `[runs, 6, d]`, f32.
    pub(super) timing: Tensor,
    /// The tokens of each run.
    pub(super) tokens: Vec<usize>,
    /// The angles of every token.
    pub(super) rope: Rope,
}

/// A block's weights.
#[derive(Debug)]
pub(super) struct Block {
    table: Tensor,
    own: SelfAttention,
    norm: Option<(Tensor, Tensor)>,
    cross: CrossAttention,
    up: Linear,
    down: Linear,
    eps: f64,
}

impl Block {
    /// Reads `blocks.I`: tables and norms from `exact`, matrices from `half`.
    pub(super) fn load(config: &Config, exact: &VarBuilder, half: &VarBuilder) -> Result<Self> {
        let (d, ffn) = (config.inner_dim(), half.pp("ffn.net"));
        let norm = exact.pp("norm2");
        let norm = if config.cross_attn_norm { Some((norm.get(d, "weight")?, norm.get(d, "bias")?)) } else { None };
        Ok(Self {
            table: exact.get((1, 6, d), "scale_shift_table")?,
            own: SelfAttention::load(config, &exact.pp("attn1"), &half.pp("attn1"))?,
            norm,
            cross: CrossAttention::load(config, &exact.pp("attn2"), &half.pp("attn2"))?,
            up: Linear::load(d, config.ffn_dim, &ffn.pp("0.proj"))?,
            down: Linear::load(config.ffn_dim, d, &ffn.pp("2"))?,
            eps: config.eps,
        })
    }

    /// Keys and values of the text and image rows, which no step changes.
    pub(super) fn key_values(&self, text: &Tensor, image: Option<&Tensor>) -> Result<KeyValues> {
        self.cross.key_values(text, image)
    }

    /// Passes the tokens `[tokens, d]` through.
    pub(super) fn forward(&self, x: &Tensor, pass: &Pass, context: &KeyValues) -> Result<Tensor> {
        let table = self.table.broadcast_add(&pass.timing)?;
        let attention = Modulation::new(&table, 0, &pass.tokens)?;
        let ffn = Modulation::new(&table, 3, &pass.tokens)?;

        let y = self.own.forward(&attention.norm(x, self.eps)?, &pass.rope)?;
        let x = attention.add(x, &y)?;
        let y = match &self.norm {
            Some((weight, bias)) => self.cross.forward(&layer_norm(&x, weight, bias, self.eps)?, context)?,
            None => self.cross.forward(&x, context)?,
        };
        let x = (x + y)?;
        let y = self.down.forward(&self.up.forward_gelu(&ffn.norm(&x, self.eps)?)?)?;
        ffn.add(&x, &y)
    }
}
