//! `transformer/config.json`: the sizes of the network, and what follows from them.

use serde::Deserialize;

use crate::error::Unsupported;

/// The class that a folder's transformer has to be of.
const CLASS: &str = "WanTransformer3DModel";
/// The only normalisation of queries and keys that any published model has.
const QK_NORM: &str = "rms_norm_across_heads";
/// No published model has a number above this, and no product of three of them overflows.
const LARGEST: usize = 1 << 17;

/// The configuration of a transformer; keys that a file lacks have the defaults of diffusers.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(default)]
pub struct Config {
    /// The class that diffusers would make.
    #[serde(rename = "_class_name")]
    pub class_name: String,
    /// Latent frames, rows and columns of a patch.
    pub patch_size: Vec<usize>,
    /// Attention heads.
    pub num_attention_heads: usize,
    /// Channels of one head.
    pub attention_head_dim: usize,
    /// Latent channels that go in: noise, and the mask and condition of image-to-video models.
    pub in_channels: usize,
    /// Latent channels that come out.
    pub out_channels: usize,
    /// Channels of the text encoder's output.
    pub text_dim: usize,
    /// Channels of the sinusoidal embedding of a timestep.
    pub freq_dim: usize,
    /// Inner channels of the feed-forward net.
    pub ffn_dim: usize,
    /// Blocks.
    pub num_layers: usize,
    /// Whether the input of the cross-attention is normalised.
    pub cross_attn_norm: bool,
    /// How queries and keys are normalised.
    pub qk_norm: Option<String>,
    /// What keeps a normalisation from dividing by zero.
    pub eps: f64,
    /// Channels of the image encoder's output, for models that attend to an image.
    pub image_dim: Option<usize>,
    /// Channels of the projected image, for models that attend to an image.
    pub added_kv_proj_dim: Option<usize>,
    /// Positions along each axis of the video.
    pub rope_max_seq_len: usize,
    /// Rows of the image encoder's output of first and last frame together, for models that take both.
    pub pos_embed_seq_len: Option<usize>,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            class_name: CLASS.into(),
            patch_size: vec![1, 2, 2],
            num_attention_heads: 40,
            attention_head_dim: 128,
            in_channels: 16,
            out_channels: 16,
            text_dim: 4096,
            freq_dim: 256,
            ffn_dim: 13824,
            num_layers: 40,
            cross_attn_norm: true,
            qk_norm: Some(QK_NORM.into()),
            eps: 1e-6,
            image_dim: None,
            added_kv_proj_dim: None,
            rope_max_seq_len: 1024,
            pos_embed_seq_len: None,
        }
    }
}

impl Config {
    /// Whether this implementation can run such a network.
    ///
    /// # Errors
    /// The first key with a value that it cannot.
    pub fn check(&self) -> Result<(), Unsupported> {
        require(self.class_name == CLASS, "_class_name", || {
            format!("is {:?}; only {CLASS:?} is supported", self.class_name)
        })?;
        require(self.patch_size == [1, 2, 2], "patch_size", || {
            format!("is {:?}; only [1, 2, 2] is supported", self.patch_size)
        })?;
        require(self.qk_norm.as_deref() == Some(QK_NORM), "qk_norm", || {
            format!("is {:?}; only {QK_NORM:?} is supported", self.qk_norm)
        })?;
        require(self.eps > 0.0 && self.eps < 0.1, "eps", || {
            format!("is {}; it has to be between 0 and 0.1", self.eps)
        })?;
        self.check_sizes()?;
        self.check_image()
    }

    fn check_sizes(&self) -> Result<(), Unsupported> {
        within("num_layers", self.num_layers, 128)?;
        within("num_attention_heads", self.num_attention_heads, 256)?;
        within("attention_head_dim", self.attention_head_dim, 512)?;
        within("in_channels", self.in_channels, 1024)?;
        within("out_channels", self.out_channels, 1024)?;
        within("text_dim", self.text_dim, LARGEST)?;
        within("freq_dim", self.freq_dim, LARGEST)?;
        within("ffn_dim", self.ffn_dim, LARGEST)?;
        within("rope_max_seq_len", self.rope_max_seq_len, LARGEST)?;
        let head = self.attention_head_dim;
        require(head >= 6 && head.is_multiple_of(2), "attention_head_dim", || {
            format!("is {head}; it has to be even and at least 6")
        })?;
        require(self.freq_dim.is_multiple_of(2), "freq_dim", || format!("is {}; it has to be even", self.freq_dim))
    }

    fn check_image(&self) -> Result<(), Unsupported> {
        let inner = self.inner_dim();
        match (self.image_dim, self.added_kv_proj_dim) {
            (None, None) => {}
            (Some(image), Some(added)) if added == inner => within("image_dim", image, LARGEST)?,
            (_, added) => {
                let reason = format!(
                    "is {added:?}; it has to be {inner} where there is an `image_dim`, and null where there is none"
                );
                return Err(Unsupported::new("added_kv_proj_dim", reason));
            }
        }
        let Some(rows) = self.pos_embed_seq_len else { return Ok(()) };
        within("pos_embed_seq_len", rows, LARGEST)?;
        require(self.image_dim.is_some(), "pos_embed_seq_len", || "is given without an `image_dim`".into())
    }

    /// Channels of a token: all heads together.
    pub fn inner_dim(&self) -> usize {
        self.num_attention_heads * self.attention_head_dim
    }

    /// Tokens of a latent video of `frames` x `rows` x `columns`.
    pub fn tokens(&self, frames: usize, rows: usize, columns: usize) -> usize {
        frames * (rows / 2) * (columns / 2)
    }

    /// All numbers that the network holds.
    pub fn parameters(&self) -> u64 {
        let linear = |from: usize, to: usize| (from as u64 + 1) * to as u64;
        let d = self.inner_dim();
        let image = self.image_dim.map_or(0, |image| {
            let table = self.pos_embed_seq_len.unwrap_or(0) * image;
            linear(image, image) + linear(image, d) + 2 * (image + d) as u64 + table as u64
        });
        let embed = linear(4 * self.in_channels, d) + linear(self.freq_dim, d) + linear(d, d) + linear(d, 6 * d);
        let text = linear(self.text_dim, d) + linear(d, d);
        let attention = 4 * linear(d, d) + 2 * d as u64;
        let attention_to_image = if self.image_dim.is_some() { 2 * linear(d, d) + d as u64 } else { 0 };
        let norm = if self.cross_attn_norm { 2 * d as u64 } else { 0 };
        let ffn = linear(d, self.ffn_dim) + linear(self.ffn_dim, d);
        let block = 6 * d as u64 + 2 * attention + attention_to_image + norm + ffn;
        let head = 2 * d as u64 + linear(d, 4 * self.out_channels);
        embed + text + image + self.num_layers as u64 * block + head
    }

    /// Floating-point operations of one forward pass over `tokens` that attend to `context` rows of text and image.
    ///
    /// Per block 12 d^2 + 4 d ffn for each token's matrix products (a multiplication and an addition count two),
    /// and 4 d for each pair of a token and what it attends to. The rest is below one percent.
    pub fn flops(&self, tokens: usize, context: usize) -> f64 {
        let (s, d, ffn) = (tokens as f64, self.inner_dim() as f64, self.ffn_dim as f64);
        let linear = s * (12.0 * d * d + 4.0 * d * ffn);
        let attention = 4.0 * s * (s + context as f64) * d;
        self.num_layers as f64 * (linear + attention)
    }
}

fn require(holds: bool, key: &'static str, reason: impl FnOnce() -> String) -> Result<(), Unsupported> {
    if holds { Ok(()) } else { Err(Unsupported::new(key, reason())) }
}

fn within(key: &'static str, value: usize, largest: usize) -> Result<(), Unsupported> {
    require((1..=largest).contains(&value), key, || format!("is {value}; it has to be from 1 to {largest}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn small() -> Config {
        Config { num_attention_heads: 12, ffn_dim: 8960, num_layers: 30, ..Config::default() }
    }

    fn refused(change: impl FnOnce(&mut Config)) -> &'static str {
        let mut config = small();
        change(&mut config);
        config.check().expect_err("refused").key
    }

    #[test]
    fn an_empty_file_is_the_14b_text_to_video_model() {
        let config: Config = serde_json::from_str("{}").expect("parses");
        config.check().expect("supported");
        assert_eq!(config.inner_dim(), 5120);
        assert_eq!(config.parameters(), 14_288_491_584);
    }

    #[test]
    fn parameters_are_those_of_the_published_models() {
        assert_eq!(small().parameters(), 1_418_996_800);
        let image =
            Config { in_channels: 36, image_dim: Some(1280), added_kv_proj_dim: Some(5120), ..Config::default() };
        image.check().expect("supported");
        assert_eq!((image.parameters() + 500_000) / 1_000_000, 16_395);
        let ti2v = Config {
            num_attention_heads: 24,
            in_channels: 48,
            out_channels: 48,
            ffn_dim: 14336,
            num_layers: 30,
            ..Config::default()
        };
        assert_eq!((ti2v.parameters() + 500_000) / 1_000_000, 5_000);
    }

    #[test]
    fn a_forward_pass_at_480p_is_283_teraflop() {
        let tokens = small().tokens(21, 60, 104);
        assert_eq!(tokens, 32_760);
        assert_eq!((small().flops(tokens, 512) / 1e12).round(), 283.0);
    }

    #[test]
    fn what_cannot_be_run_is_refused_by_its_key() {
        assert_eq!(refused(|c| c.patch_size = vec![1, 1, 1]), "patch_size");
        assert_eq!(refused(|c| c.qk_norm = None), "qk_norm");
        assert_eq!(refused(|c| c.num_layers = 129), "num_layers");
        assert_eq!(refused(|c| c.num_attention_heads = 0), "num_attention_heads");
        assert_eq!(refused(|c| c.attention_head_dim = 127), "attention_head_dim");
        assert_eq!(refused(|c| c.eps = f64::NAN), "eps");
        assert_eq!(refused(|c| c.freq_dim = 255), "freq_dim");
        assert_eq!(refused(|c| c.image_dim = Some(1280)), "added_kv_proj_dim");
        assert_eq!(refused(|c| c.pos_embed_seq_len = Some(514)), "pos_embed_seq_len");
        assert_eq!(refused(|c| c.class_name = "WanVACETransformer3DModel".into()), "_class_name");
    }
}
