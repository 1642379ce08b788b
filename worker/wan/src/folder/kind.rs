//! Which of Wan's models a folder holds.

use serde::Serialize;

/// The models, by what they make out of what.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// Wan 2.1, text to video.
    TextToVideo,
    /// Wan 2.1, image to video, with CLIP's view of the image.
    ImageToVideo,
    /// Wan 2.1, from a first to a last image.
    FirstLastFrame,
    /// Wan 2.2 with two experts, text to video.
    TextToVideoExperts,
    /// Wan 2.2 with two experts, image to video.
    ImageToVideoExperts,
    /// Wan 2.2 with 5 billion parameters, text or image to video.
    TextImageToVideo,
}

impl Kind {
    /// Whether a source image can be given.
    pub fn takes_image(self) -> bool {
        !matches!(self, Self::TextToVideo | Self::TextToVideoExperts)
    }

    /// Whether a source image must be given.
    pub fn needs_image(self) -> bool {
        self.takes_image() && self != Self::TextImageToVideo
    }

    /// Whether a last image can be given beside the first.
    pub fn takes_last_image(self) -> bool {
        matches!(self, Self::FirstLastFrame | Self::ImageToVideoExperts)
    }

    /// Whether a last image must be given beside the first.
    pub fn needs_last_image(self) -> bool {
        self == Self::FirstLastFrame
    }

    /// Whether one transformer takes over from another when the noise is low.
    pub fn has_experts(self) -> bool {
        matches!(self, Self::TextToVideoExperts | Self::ImageToVideoExperts)
    }
}
