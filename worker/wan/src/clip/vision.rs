//! CLIP's vision transformer, up to its last layer but one. (Radford et al., "Learning Transferable Visual Models From
//! Natural Language Supervision".)

use candle_core::{DType, Device, Tensor};
use candle_nn::{Linear, Module, VarBuilder, linear, ops};

use super::config::Config;
use crate::error::Result;
use crate::watch::Watch;
use crate::weights::Weights;

/// The weights of a CLIP vision transformer on one device.
///
/// Products are made in its dtype, norms and softmax in f32.
pub struct Vision {
    /// `[hidden, 3 * patch * patch]`.
    patches: Linear,
    /// The row of the whole picture: `[1, 1, hidden]`.
    whole: Tensor,
    /// `[1, rows, hidden]`.
    positions: Tensor,
    norm: Norm,
    layers: Vec<Layer>,
    /// Patches along one edge, and pixels along the edge of one.
    grid: (usize, usize),
}

impl Vision {
    /// Reads an image encoder's weights, without those of the last layer, which nobody asks for.
    ///
    /// # Errors
    /// A tensor that is missing or has another shape than `config` says; [`Error::Stopped`](crate::Error::Stopped).
    pub fn load(weights: &Weights, config: &Config, dtype: DType, device: &Device, watch: &dyn Watch) -> Result<Self> {
        config.check().map_err(|error| error.within(weights.folder().join("config.json")))?;
        let builder = weights.builder(dtype, device);
        let prefixed = weights.contains("vision_model.embeddings.class_embedding");
        let builder = if prefixed { builder.pp("vision_model") } else { builder };
        let embeddings = builder.pp("embeddings");
        let (hidden, patch) = (config.hidden_size, config.patch_size);
        let patches = embeddings.pp("patch_embedding").get((hidden, 3, patch, patch), "weight")?.flatten_from(1)?;
        let positions = embeddings.pp("position_embedding").get((config.rows(), hidden), "weight")?;
        let layer = |number: usize| {
            watch.check()?;
            Layer::load(config, &builder.pp("encoder.layers").pp(number))
        };
        Ok(Self {
            patches: Linear::new(patches, None),
            whole: embeddings.get(hidden, "class_embedding")?.reshape((1, 1, hidden))?,
            positions: positions.unsqueeze(0)?,
            norm: Norm::load(config, &builder.pp("pre_layrnorm"))?,
            layers: (0..config.num_hidden_layers - 1).map(layer).collect::<Result<_>>()?,
            grid: (config.image_size / patch, patch),
        })
    }

    /// The hidden states after the last layer but one, of `pixels` as [`Processor`](super::Processor) prepares them:
    /// `[n, 3, edge, edge]` to `[n, 1 + patches, hidden]`, in the encoder's dtype.
    ///
    /// # Errors
    /// Pixels of another shape, or the device's.
    pub fn embed(&self, pixels: &Tensor) -> Result<Tensor> {
        let (count, _, _, _) = pixels.dims4()?;
        let (grid, patch) = self.grid;
        let pixels = pixels.to_dtype(self.whole.dtype())?;
        // The patches do not overlap, so their convolution is one product.
        let cut = pixels.reshape(&[count, 3, grid, patch, grid, patch])?.permute(vec![0, 2, 4, 1, 3, 5])?;
        let rows = self.patches.forward(&cut.contiguous()?.reshape((count, grid * grid, 3 * patch * patch))?)?;
        let rows = Tensor::cat(&[&self.whole.repeat((count, 1, 1))?, &rows], 1)?;
        let mut rows = self.norm.forward(&rows.broadcast_add(&self.positions)?)?;
        for layer in &self.layers {
            rows = layer.forward(&rows)?;
        }
        Ok(rows)
    }
}

struct Layer {
    attention_norm: Norm,
    query: Linear,
    key: Linear,
    value: Linear,
    output: Linear,
    feed_norm: Norm,
    first: Linear,
    second: Linear,
    heads: usize,
}

impl Layer {
    fn load(config: &Config, builder: &VarBuilder) -> Result<Self> {
        let (hidden, inner) = (config.hidden_size, config.intermediate_size);
        let (attention, feed) = (builder.pp("self_attn"), builder.pp("mlp"));
        Ok(Self {
            attention_norm: Norm::load(config, &builder.pp("layer_norm1"))?,
            query: linear(hidden, hidden, attention.pp("q_proj"))?,
            key: linear(hidden, hidden, attention.pp("k_proj"))?,
            value: linear(hidden, hidden, attention.pp("v_proj"))?,
            output: linear(hidden, hidden, attention.pp("out_proj"))?,
            feed_norm: Norm::load(config, &builder.pp("layer_norm2"))?,
            first: linear(hidden, inner, feed.pp("fc1"))?,
            second: linear(inner, hidden, feed.pp("fc2"))?,
            heads: config.num_attention_heads,
        })
    }

    fn forward(&self, rows: &Tensor) -> candle_core::Result<Tensor> {
        let rows = (rows + self.attend(&self.attention_norm.forward(rows)?)?)?;
        let inner = self.first.forward(&self.feed_norm.forward(&rows)?)?.gelu_erf()?;
        rows + self.second.forward(&inner)?
    }

    fn attend(&self, rows: &Tensor) -> candle_core::Result<Tensor> {
        let (count, length, hidden) = rows.dims3()?;
        let split = |projection: &Linear| {
            let heads = projection.forward(rows)?.reshape((count, length, self.heads, hidden / self.heads))?;
            heads.transpose(1, 2)?.contiguous()
        };
        let (query, key, value) = (split(&self.query)?, split(&self.key)?, split(&self.value)?);
        let scale = ((hidden / self.heads) as f64).sqrt().recip();
        let scores = (query.matmul(&key.t()?)?.to_dtype(DType::F32)? * scale)?;
        let shares = ops::softmax_last_dim(&scores)?.to_dtype(value.dtype())?;
        let joined = shares.matmul(&value)?.transpose(1, 2)?.contiguous()?.reshape((count, length, hidden))?;
        self.output.forward(&joined)
    }
}

/// A layer norm with its weights in f32.
struct Norm {
    weight: Tensor,
    bias: Tensor,
    epsilon: f32,
}

impl Norm {
    fn load(config: &Config, builder: &VarBuilder) -> Result<Self> {
        let builder = builder.to_dtype(DType::F32);
        Ok(Self {
            weight: builder.get(config.hidden_size, "weight")?,
            bias: builder.get(config.hidden_size, "bias")?,
            epsilon: config.layer_norm_eps as f32,
        })
    }

    fn forward(&self, rows: &Tensor) -> candle_core::Result<Tensor> {
        let wide = rows.to_dtype(DType::F32)?.contiguous()?;
        ops::layer_norm(&wide, &self.weight, &self.bias, self.epsilon)?.to_dtype(rows.dtype())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use candle_core::{DType, Device, Tensor};
    use serde_json::json;

    use super::Vision;
    use crate::clip::Config;
    use crate::weights::Weights;

    fn config() -> Config {
        let config = json!({
            "model_type": "clip_vision_model", "hidden_act": "gelu", "hidden_size": 2, "intermediate_size": 1,
            "num_hidden_layers": 2, "num_attention_heads": 1, "image_size": 2, "patch_size": 1, "layer_norm_eps": 1e-12,
        });
        serde_json::from_value(config).unwrap()
    }

    /// Two layers, of which the second one has no weights; the first adds (10, 1) to every row.
    fn weights(prefix: &str) -> Weights {
        let folder = tempfile::tempdir().unwrap();
        let mut tensors = HashMap::new();
        let mut add = |name: &str, shape: &[usize], values: &[f32]| {
            tensors.insert(format!("{prefix}{name}"), Tensor::from_slice(values, shape, &Device::Cpu).unwrap());
        };
        add("embeddings.class_embedding", &[2], &[0.0, 1.0]);
        // Red counts for the first channel, blue for the second.
        add("embeddings.patch_embedding.weight", &[2, 3, 1, 1], &[1.0, 0.0, 0.0, 0.0, 0.0, 1.0]);
        add("embeddings.position_embedding.weight", &[5, 2], &[0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 9.0]);
        add("pre_layrnorm.weight", &[2], &[2.0, 3.0]);
        add("pre_layrnorm.bias", &[2], &[0.5, 0.0]);
        for norm in ["layer_norm1", "layer_norm2"] {
            add(&format!("encoder.layers.0.{norm}.weight"), &[2], &[1.0, 1.0]);
            add(&format!("encoder.layers.0.{norm}.bias"), &[2], &[0.0, 0.0]);
        }
        for projection in ["q_proj", "k_proj", "v_proj", "out_proj"] {
            add(&format!("encoder.layers.0.self_attn.{projection}.weight"), &[2, 2], &[0.0; 4]);
            add(&format!("encoder.layers.0.self_attn.{projection}.bias"), &[2], &[0.0, 1.0]);
        }
        add("encoder.layers.0.mlp.fc1.weight", &[1, 2], &[0.0; 2]);
        add("encoder.layers.0.mlp.fc1.bias", &[1], &[0.0]);
        add("encoder.layers.0.mlp.fc2.weight", &[2, 1], &[1.0; 2]);
        add("encoder.layers.0.mlp.fc2.bias", &[2], &[10.0, 0.0]);
        candle_core::safetensors::save(&tensors, folder.path().join("model.safetensors")).unwrap();
        Weights::open(folder.path(), "model").unwrap()
    }

    /// A red and a blue pixel above two blue ones.
    fn pixels() -> Tensor {
        let planes = [[1f32, 0.0, 0.0, 0.0], [7.0; 4], [0.0, 1.0, 1.0, 1.0]].concat();
        Tensor::from_vec(planes, (1, 3, 2, 2), &Device::Cpu).unwrap()
    }

    #[test]
    fn the_whole_comes_before_the_patches_under_either_name() {
        for prefix in ["", "vision_model."] {
            let vision = Vision::load(&weights(prefix), &config(), DType::F32, &Device::Cpu, &()).unwrap();
            let rows = vision.embed(&Tensor::cat(&[pixels(), pixels()], 0).unwrap()).unwrap();
            assert_eq!(rows.dims(), [2, 5, 2]);
            // Two channels normalise to -1 and 1; red makes the first the greater one, the rest the second.
            let (red, blue) = ([10.0 + 2.5, 1.0 - 3.0], [10.0 - 1.5, 1.0 + 3.0]);
            for picture in rows.to_vec3::<f32>().unwrap() {
                for (row, expected) in picture.iter().zip([blue, red, blue, blue, blue]) {
                    assert!(row.iter().zip(expected).all(|(got, wanted)| (got - wanted).abs() < 1e-5), "{row:?}");
                }
            }
        }
    }

    #[test]
    fn a_layer_that_is_run_must_be_there() {
        let mut config = config();
        config.num_hidden_layers = 3;
        let refusal = Vision::load(&weights(""), &config, DType::F32, &Device::Cpu, &()).err().unwrap().to_string();
        assert!(refusal.contains("the tensor `encoder.layers.1.layer_norm1.weight` is missing"), "{refusal}");
    }
}
