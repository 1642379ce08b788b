//! UMT5's encoder.
//!
//! T5's, but with a table of relative positions in every block. (Chung et al., "UniMax: Fairer and more effective
//! language sampling for large-scale multilingual pretraining".)

use candle_core::{DType, Device, Tensor};
use candle_nn::{Linear, Module, VarBuilder, linear_no_bias, ops};

use super::config::Config;
use super::position;
use crate::error::{Error, Result};
use crate::watch::{Stage, Watch};
use crate::weights::Weights;

/// The weights of a UMT5 encoder on one device.
///
/// Products are made in its dtype; norms, softmax and the sums of the residual stream in f32, because 24 blocks of
/// half-precision sums would lose the small contributions.
pub struct Encoder {
    table: Tensor,
    blocks: Vec<Block>,
    norm: RmsNorm,
    buckets: usize,
    max_distance: usize,
}

impl Encoder {
    /// Reads a text encoder's weights. The activations overflow f16, so `dtype` is f32 or bf16.
    ///
    /// # Errors
    /// A tensor that is missing or has another shape than `config` says; an unsupported dtype; [`Error::Stopped`].
    pub fn load(weights: &Weights, config: &Config, dtype: DType, device: &Device, watch: &dyn Watch) -> Result<Self> {
        if !matches!(dtype, DType::F32 | DType::BF16) {
            let reason = format!("the text encoder runs in f32 or bf16, not in {}", dtype.as_str());
            return Err(candle_core::Error::Msg(reason).into());
        }
        config.check().map_err(|error| error.within(weights.folder().join("config.json")))?;
        let builder = weights.builder(dtype, device);
        let table = ["shared.weight", "encoder.embed_tokens.weight"].into_iter().find(|name| weights.contains(name));
        let table = builder.get((config.vocab_size, config.d_model), table.unwrap_or("shared.weight"))?;
        let builder = builder.pp("encoder");
        let block = |number: usize| {
            watch.check()?;
            let block = Block::load(config, &builder.pp("block").pp(number).pp("layer"));
            watch.progress(Stage::Load, number + 1, config.num_layers);
            block
        };
        Ok(Self {
            table,
            blocks: (0..config.num_layers).map(block).collect::<Result<_>>()?,
            norm: RmsNorm::load(config, &builder.pp("final_layer_norm"))?,
            buckets: config.relative_attention_num_buckets,
            max_distance: config.relative_attention_max_distance,
        })
    }

    /// The rows of `ids`, which are real tokens only: `[1, ids, d_model]`, in the encoder's dtype.
    ///
    /// # Errors
    /// [`Error::Stopped`], or the device's.
    pub fn forward(&self, ids: &[u32], watch: &dyn Watch) -> Result<Tensor> {
        let (length, device) = (ids.len(), self.table.device());
        let buckets = Tensor::new(position::table(length, self.buckets, self.max_distance), device)?;
        let ids = Tensor::new(ids, device)?;
        let mut stream = self.table.index_select(&ids, 0)?.to_dtype(DType::F32)?.unsqueeze(0)?;
        for block in &self.blocks {
            watch.check()?;
            stream = block.forward(&stream, &buckets)?;
        }
        self.norm.forward(&stream, self.table.dtype()).map_err(Error::from)
    }

    /// Width of the rows that come out.
    pub fn width(&self) -> usize {
        self.norm.weight.elem_count()
    }

    /// How many different tokens it knows.
    pub fn vocabulary(&self) -> usize {
        self.table.dims()[0]
    }
}

struct Block {
    attention_norm: RmsNorm,
    attention: Attention,
    feed_norm: RmsNorm,
    feed: Feed,
}

impl Block {
    fn load(config: &Config, builder: &VarBuilder) -> Result<Self> {
        let (first, second) = (builder.pp(0), builder.pp(1));
        Ok(Self {
            attention_norm: RmsNorm::load(config, &first.pp("layer_norm"))?,
            attention: Attention::load(config, &first.pp("SelfAttention"))?,
            feed_norm: RmsNorm::load(config, &second.pp("layer_norm"))?,
            feed: Feed::load(config, &second.pp("DenseReluDense"))?,
        })
    }

    /// `stream` is `[1, n, d_model]` in f32, `buckets` are the `n * n` pairs.
    fn forward(&self, stream: &Tensor, buckets: &Tensor) -> candle_core::Result<Tensor> {
        let dtype = self.attention.query.weight().dtype();
        let rows = self.attention.forward(&self.attention_norm.forward(stream, dtype)?, buckets)?;
        let stream = (stream + rows.to_dtype(DType::F32)?)?;
        let rows = self.feed.forward(&self.feed_norm.forward(&stream, dtype)?)?;
        stream + rows.to_dtype(DType::F32)?
    }
}

struct Attention {
    query: Linear,
    key: Linear,
    value: Linear,
    output: Linear,
    /// `[buckets, heads]`, in f32.
    positions: Tensor,
    heads: usize,
}

impl Attention {
    fn load(config: &Config, builder: &VarBuilder) -> Result<Self> {
        let (outer, inner) = (config.d_model, config.num_heads * config.d_kv);
        let shape = (config.relative_attention_num_buckets, config.num_heads);
        let positions = builder.pp("relative_attention_bias").to_dtype(DType::F32).get(shape, "weight")?;
        Ok(Self {
            query: linear_no_bias(outer, inner, builder.pp("q"))?,
            key: linear_no_bias(outer, inner, builder.pp("k"))?,
            value: linear_no_bias(outer, inner, builder.pp("v"))?,
            output: linear_no_bias(inner, outer, builder.pp("o"))?,
            positions,
            heads: config.num_heads,
        })
    }

    /// Attention without a scale: it is in the weights.
    fn forward(&self, rows: &Tensor, buckets: &Tensor) -> candle_core::Result<Tensor> {
        let (_, length, _) = rows.dims3()?;
        let split = |projection: &Linear| {
            projection.forward(rows)?.reshape((length, self.heads, ()))?.transpose(0, 1)?.contiguous()
        };
        let (query, key, value) = (split(&self.query)?, split(&self.key)?, split(&self.value)?);
        let bias = self.positions.index_select(buckets, 0)?.reshape((length, length, self.heads))?;
        let scores = (query.matmul(&key.t()?)?.to_dtype(DType::F32)? + bias.permute((2, 0, 1))?)?;
        let shares = ops::softmax_last_dim(&scores.contiguous()?)?.to_dtype(value.dtype())?;
        let joined = shares.matmul(&value)?.transpose(0, 1)?.contiguous()?.reshape((1, length, ()))?;
        self.output.forward(&joined)
    }
}

/// The feed-forward layer: one projection gates the other.
struct Feed {
    gate: Linear,
    inner: Linear,
    output: Linear,
}

impl Feed {
    fn load(config: &Config, builder: &VarBuilder) -> Result<Self> {
        Ok(Self {
            gate: linear_no_bias(config.d_model, config.d_ff, builder.pp("wi_0"))?,
            inner: linear_no_bias(config.d_model, config.d_ff, builder.pp("wi_1"))?,
            output: linear_no_bias(config.d_ff, config.d_model, builder.pp("wo"))?,
        })
    }

    fn forward(&self, rows: &Tensor) -> candle_core::Result<Tensor> {
        self.output.forward(&(self.gate.forward(rows)?.gelu()? * self.inner.forward(rows)?)?)
    }
}

struct RmsNorm {
    /// In f32.
    weight: Tensor,
    epsilon: f32,
}

impl RmsNorm {
    fn load(config: &Config, builder: &VarBuilder) -> Result<Self> {
        let weight = builder.to_dtype(DType::F32).get(config.d_model, "weight")?;
        Ok(Self { weight, epsilon: config.layer_norm_epsilon as f32 })
    }

    fn forward(&self, stream: &Tensor, dtype: DType) -> candle_core::Result<Tensor> {
        ops::rms_norm(stream, &self.weight, self.epsilon)?.to_dtype(dtype)
    }
}

#[cfg(test)]
mod tests {
    use candle_core::{DType, Device};

    use super::Encoder;
    use crate::text::fixture::{self, Stop};
    use crate::{Error, Watch};

    fn rows(dtype: DType, table: &str) -> Vec<Vec<f32>> {
        let folder = tempfile::tempdir().unwrap();
        let weights = fixture::weights(folder.path(), table);
        let encoder = Encoder::load(&weights, &fixture::config(), dtype, &Device::Cpu, &()).unwrap();
        let rows = encoder.forward(&[3, 4], &()).unwrap();
        assert_eq!((rows.dims(), rows.dtype()), ([1, 2, 2].as_slice(), dtype));
        rows.to_dtype(DType::F32).unwrap().squeeze(0).unwrap().to_vec2().unwrap()
    }

    /// Normalised, the first channels of the two tokens are 3 / sqrt(12.5) and sqrt(2). The first token sees itself once
    /// and the next one thrice, the second sees both alike.
    fn expected() -> [[f32; 2]; 2] {
        let (first, second) = (3.0 / 12.5f32.sqrt(), 2f32.sqrt());
        let normalised = |x: f32, y: f32| {
            let root = ((x * x + y * y) / 2.0).sqrt();
            [x / root, y / root]
        };
        [normalised(3.0, 4.0 + first / 4.0 + second * 3.0 / 4.0), normalised(1.0, first / 2.0 + second / 2.0)]
    }

    #[test]
    fn a_token_sees_the_next_one_by_the_bias_of_its_bucket() {
        for (dtype, tolerance) in [(DType::F32, 1e-6), (DType::BF16, 1e-2)] {
            let rows = rows(dtype, "shared.weight");
            for (got, wanted) in rows.concat().iter().zip(expected().concat()) {
                assert!((got - wanted).abs() < tolerance, "{got} for {wanted}");
            }
        }
    }

    #[test]
    fn the_table_of_tokens_has_either_name() {
        assert_eq!(rows(DType::F32, "encoder.embed_tokens.weight"), rows(DType::F32, "shared.weight"));
    }

    #[test]
    fn it_stops_when_told_to_and_refuses_what_overflows() {
        let folder = tempfile::tempdir().unwrap();
        let weights = fixture::weights(folder.path(), "shared.weight");
        let load = |dtype, watch: &dyn Watch| Encoder::load(&weights, &fixture::config(), dtype, &Device::Cpu, watch);
        assert!(matches!(load(DType::F32, &Stop), Err(Error::Stopped)));
        assert!(matches!(load(DType::F32, &()).unwrap().forward(&[0], &Stop), Err(Error::Stopped)));
        assert!(load(DType::F16, &()).is_err());
    }
}
