//! `text_encoder/config.json`.

use serde::Deserialize;

use crate::error::Unsupported;

/// The shape of a UMT5 encoder.
#[derive(Debug, Clone, Deserialize)]
pub struct Config {
    /// The family of the model; `umt5` is supported.
    pub model_type: String,
    /// Rows of the embedding table.
    pub vocab_size: usize,
    /// Width of the residual stream, and of the rows that come out.
    pub d_model: usize,
    /// Width of one attention head.
    pub d_kv: usize,
    /// Width inside the feed-forward layer.
    pub d_ff: usize,
    /// Blocks.
    pub num_layers: usize,
    /// Attention heads; together they may be wider than the residual stream.
    pub num_heads: usize,
    /// Buckets that the distances between two tokens fall into, half of them for each direction.
    #[serde(default = "buckets")]
    pub relative_attention_num_buckets: usize,
    /// The distance from which on all share the last bucket.
    #[serde(default = "max_distance")]
    pub relative_attention_max_distance: usize,
    /// What keeps the norms from dividing by zero.
    #[serde(default = "epsilon")]
    pub layer_norm_epsilon: f64,
    /// The feed-forward layer; `gated-gelu` is supported.
    pub feed_forward_proj: String,
}

fn buckets() -> usize {
    32
}

fn max_distance() -> usize {
    128
}

fn epsilon() -> f64 {
    1e-6
}

impl Config {
    /// Whether this implementation can run it.
    ///
    /// # Errors
    /// The first key that has a value out of range.
    pub fn check(&self) -> Result<(), Unsupported> {
        if self.model_type != "umt5" {
            return Err(Unsupported::new(
                "model_type",
                format!("is {:?}, and only \"umt5\" is supported", self.model_type),
            ));
        }
        if self.feed_forward_proj != "gated-gelu" {
            let reason = format!("is {:?}, and only \"gated-gelu\" is supported", self.feed_forward_proj);
            return Err(Unsupported::new("feed_forward_proj", reason));
        }
        let sizes = [
            ("vocab_size", self.vocab_size, 1 << 24),
            ("d_model", self.d_model, 1 << 16),
            ("d_kv", self.d_kv, 1 << 12),
            ("d_ff", self.d_ff, 1 << 18),
            ("num_layers", self.num_layers, 128),
            ("num_heads", self.num_heads, 1 << 10),
            ("relative_attention_max_distance", self.relative_attention_max_distance, 1 << 16),
        ];
        for (key, value, most) in sizes {
            if !(1..=most).contains(&value) {
                return Err(Unsupported::new(key, format!("is {value}, and 1 to {most} is supported")));
            }
        }
        self.check_buckets()?;
        if self.layer_norm_epsilon > 0.0 && self.layer_norm_epsilon < 1.0 {
            return Ok(());
        }
        let reason = format!("is {}, and a number between 0 and 1 is supported", self.layer_norm_epsilon);
        Err(Unsupported::new("layer_norm_epsilon", reason))
    }

    fn check_buckets(&self) -> Result<(), Unsupported> {
        let count = self.relative_attention_num_buckets;
        if !(4..=1024).contains(&count) || !count.is_multiple_of(4) {
            let reason = format!("is {count}, and multiples of 4 up to 1024 are supported");
            return Err(Unsupported::new("relative_attention_num_buckets", reason));
        }
        if self.relative_attention_max_distance <= count / 4 {
            let reason =
                format!("is {}, and must be more than a quarter of the buckets", self.relative_attention_max_distance);
            return Err(Unsupported::new("relative_attention_max_distance", reason));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::Config;

    /// UMT5-XXL, as published, with `key` set to `value`.
    fn with(key: &str, value: Value) -> Result<(), String> {
        let mut config = json!({
            "model_type": "umt5", "vocab_size": 256384, "d_model": 4096, "d_kv": 64, "d_ff": 10240, "num_layers": 24,
            "num_heads": 64, "relative_attention_num_buckets": 32, "relative_attention_max_distance": 128,
            "layer_norm_epsilon": 1e-6, "feed_forward_proj": "gated-gelu", "a_key_of_next_year": [1, 2],
        });
        config[key] = value;
        serde_json::from_value::<Config>(config).unwrap().check().map_err(|error| error.to_string())
    }

    #[test]
    fn the_published_encoder_is_supported() {
        assert_eq!(with("d_model", json!(4096)), Ok(()));
    }

    #[test]
    fn what_is_not_supported_is_refused_by_its_key() {
        for (key, value) in [
            ("model_type", json!("t5")),
            ("feed_forward_proj", json!("relu")),
            ("num_layers", json!(0)),
            ("num_heads", json!(1 << 20)),
            ("relative_attention_num_buckets", json!(30)),
            ("relative_attention_max_distance", json!(8)),
            ("layer_norm_epsilon", json!(0.0)),
        ] {
            let refusal = with(key, value).unwrap_err();
            assert!(refusal.starts_with(&format!("`{key}` is ")), "{refusal}");
        }
    }
}
