//! The components of a folder that have weights.

use std::path::{Path, PathBuf};

/// A component that has weights.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// UMT5, which reads the prompt.
    TextEncoder,
    /// CLIP, which looks at the source image for Wan 2.1.
    ImageEncoder,
    /// The diffusion transformer; of two experts, the one for high noise.
    Transformer,
    /// The expert for low noise.
    Transformer2,
    /// The autoencoder between latents and frames.
    Vae,
}

impl Part {
    /// The component's key in `model_index.json`, and its subfolder.
    pub fn name(self) -> &'static str {
        match self {
            Self::TextEncoder => "text_encoder",
            Self::ImageEncoder => "image_encoder",
            Self::Transformer => "transformer",
            Self::Transformer2 => "transformer_2",
            Self::Vae => "vae",
        }
    }

    /// What its weight files are called, after the library that wrote them.
    pub fn stem(self) -> &'static str {
        match self {
            Self::TextEncoder | Self::ImageEncoder => "model",
            Self::Transformer | Self::Transformer2 | Self::Vae => "diffusion_pytorch_model",
        }
    }

    /// Where its configuration lies in the folder at `root`.
    pub fn config(self, root: &Path) -> PathBuf {
        root.join(self.name()).join("config.json")
    }
}
