//! From what the encoders give to what the blocks attend to.

use candle_core::{DType, Result, Tensor};
use candle_nn::VarBuilder;

use super::config::Config;
use super::linear::Linear;
use super::norm::layer_norm;

/// Epsilon of the image embedder's norms, which is not the blocks'.
const IMAGE_EPS: f64 = 1e-5;

/// Projects the text encoder's rows.
#[derive(Debug)]
pub(super) struct TextEmbedder {
    first: Linear,
    second: Linear,
}

impl TextEmbedder {
    pub(super) fn load(config: &Config, half: &VarBuilder) -> Result<Self> {
        let (d, half) = (config.inner_dim(), half.pp("text_embedder"));
        Ok(Self {
            first: Linear::load(config.text_dim, d, &half.pp("linear_1"))?,
            second: Linear::load(d, d, &half.pp("linear_2"))?,
        })
    }

    /// `[rows, text_dim]` to `[rows, d]`.
    pub(super) fn forward(&self, text: &Tensor) -> Result<Tensor> {
        self.second.forward(&self.first.forward_gelu(text)?)
    }
}

/// Projects the image encoder's rows.
#[derive(Debug)]
pub(super) struct ImageEmbedder {
    positions: Option<Tensor>,
    before: (Tensor, Tensor),
    first: Linear,
    second: Linear,
    after: (Tensor, Tensor),
}

impl ImageEmbedder {
    /// Reads the embedder of a model whose image encoder gives `image` channels.
    pub(super) fn load(config: &Config, image: usize, exact: &VarBuilder, half: &VarBuilder) -> Result<Self> {
        let (d, exact, half) = (config.inner_dim(), exact.pp("image_embedder"), half.pp("image_embedder"));
        let norm = |name: &str, channels: usize| -> Result<(Tensor, Tensor)> {
            Ok((exact.pp(name).get(channels, "weight")?, exact.pp(name).get(channels, "bias")?))
        };
        let positions = match config.pos_embed_seq_len {
            Some(rows) => Some(exact.get((1, rows, image), "pos_embed")?.squeeze(0)?),
            None => None,
        };
        Ok(Self {
            positions,
            before: norm("norm1", image)?,
            first: Linear::load(image, image, &half.pp("ff.net.0.proj"))?,
            second: Linear::load(image, d, &half.pp("ff.net.2"))?,
            after: norm("norm2", d)?,
        })
    }

    /// `[rows, image_dim]` to `[rows, d]`.
    pub(super) fn forward(&self, image: &Tensor) -> Result<Tensor> {
        let placed = match &self.positions {
            Some(positions) => (image.to_dtype(DType::F32)? + positions)?.to_dtype(image.dtype())?,
            None => image.clone(),
        };
        let x = layer_norm(&placed, &self.before.0, &self.before.1, IMAGE_EPS)?;
        let x = self.second.forward(&self.first.forward(&x)?.gelu_erf()?)?;
        layer_norm(&x, &self.after.0, &self.after.1, IMAGE_EPS)
    }
}
