//! `image_encoder/config.json`.

use serde::Deserialize;

use crate::error::Unsupported;

/// The shape of a CLIP vision transformer.
#[derive(Debug, Clone, Deserialize)]
pub struct Config {
    /// The family of the model; `clip_vision_model` is supported.
    pub model_type: String,
    /// Width of the residual stream, and of the rows that come out.
    pub hidden_size: usize,
    /// Width inside the feed-forward layer.
    pub intermediate_size: usize,
    /// Layers; the last one is not run.
    pub num_hidden_layers: usize,
    /// Attention heads, which share the width evenly.
    pub num_attention_heads: usize,
    /// Edge of the square picture, in pixels.
    pub image_size: usize,
    /// Edge of a square patch, in pixels.
    pub patch_size: usize,
    /// Channels of the picture; 3 are supported.
    #[serde(default = "colours")]
    pub num_channels: usize,
    /// The feed-forward layer's activation; `gelu`, the exact one, is supported.
    pub hidden_act: String,
    /// What keeps the norms from dividing by zero.
    #[serde(default = "epsilon")]
    pub layer_norm_eps: f64,
}

fn colours() -> usize {
    3
}

fn epsilon() -> f64 {
    1e-5
}

impl Config {
    /// Whether this implementation can run it.
    ///
    /// # Errors
    /// The first key that has a value out of range.
    pub fn check(&self) -> Result<(), Unsupported> {
        for (key, value, supported) in
            [("model_type", &self.model_type, "clip_vision_model"), ("hidden_act", &self.hidden_act, "gelu")]
        {
            if value != supported {
                return Err(Unsupported::new(key, format!("is {value:?}, and only {supported:?} is supported")));
            }
        }
        let sizes = [
            ("hidden_size", self.hidden_size, 1, 1 << 16),
            ("intermediate_size", self.intermediate_size, 1, 1 << 18),
            ("num_hidden_layers", self.num_hidden_layers, 2, 128),
            ("num_attention_heads", self.num_attention_heads, 1, 1 << 10),
            ("image_size", self.image_size, 1, 1 << 12),
            ("patch_size", self.patch_size, 1, 1 << 12),
            ("num_channels", self.num_channels, 3, 3),
        ];
        for (key, value, least, most) in sizes {
            if !(least..=most).contains(&value) {
                return Err(Unsupported::new(key, format!("is {value}, and {least} to {most} is supported")));
            }
        }
        if !self.hidden_size.is_multiple_of(self.num_attention_heads) {
            let reason = format!("is {}, which does not divide `hidden_size`", self.num_attention_heads);
            return Err(Unsupported::new("num_attention_heads", reason));
        }
        if !self.image_size.is_multiple_of(self.patch_size) {
            return Err(Unsupported::new(
                "patch_size",
                format!("is {}, which does not divide `image_size`", self.patch_size),
            ));
        }
        if self.layer_norm_eps > 0.0 && self.layer_norm_eps < 1.0 {
            return Ok(());
        }
        let reason = format!("is {}, and a number between 0 and 1 is supported", self.layer_norm_eps);
        Err(Unsupported::new("layer_norm_eps", reason))
    }

    /// Rows that come out for one picture: one for the whole and one for each patch.
    pub fn rows(&self) -> usize {
        1 + (self.image_size / self.patch_size).pow(2)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::Config;

    /// ViT-H/14, as published, with `key` set to `value`.
    fn with(key: &str, value: Value) -> Config {
        let mut config = json!({
            "model_type": "clip_vision_model", "hidden_size": 1280, "intermediate_size": 5120, "num_hidden_layers": 32,
            "num_attention_heads": 16, "image_size": 224, "patch_size": 14, "hidden_act": "gelu", "layer_norm_eps": 1e-5,
            "projection_dim": 1024,
        });
        config[key] = value;
        serde_json::from_value(config).unwrap()
    }

    #[test]
    fn the_published_encoder_is_supported_and_makes_257_rows() {
        let config = with("patch_size", json!(14));
        assert!(config.check().is_ok());
        assert_eq!(config.rows(), 257);
    }

    #[test]
    fn what_is_not_supported_is_refused_by_its_key() {
        for (key, value) in [
            ("model_type", json!("siglip_vision_model")),
            ("hidden_act", json!("quick_gelu")),
            ("num_hidden_layers", json!(1)),
            ("num_attention_heads", json!(7)),
            ("num_channels", json!(4)),
            ("patch_size", json!(15)),
            ("layer_norm_eps", json!(-1.0)),
        ] {
            let refusal = with(key, value).check().unwrap_err().to_string();
            assert!(refusal.starts_with(&format!("`{key}` is ")), "{refusal}");
        }
    }
}
