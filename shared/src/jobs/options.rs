//! What a customer may choose of the finished file.

use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::tier::Size;

/// How the pictures of a video are compressed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Codec {
    /// H.264 (AVC): plays everywhere.
    #[default]
    H264,
    /// H.265 (HEVC).
    Hevc,
    /// AV1.
    Av1,
}

/// How much of the picture compression may cost.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Quality {
    /// Small files; the loss shows where one looks for it.
    Compact,
    /// The loss is hard to see.
    #[default]
    Standard,
    /// For further work: the loss is not seen.
    High,
}

/// How a file is laid out.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Container {
    /// MP4 with its index in front.
    #[default]
    Mp4,
    /// MP4 in fragments, which is stored while it is encoded.
    FragmentedMp4,
}

/// What a customer may choose of the finished file. What is left out is the default.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct OutputOptions {
    /// How the pictures are compressed.
    pub codec: Codec,
    /// How much that may cost.
    pub quality: Quality,
    /// How the file is laid out.
    pub container: Container,
    /// The size of the file's pictures, if it is not the size that is drawn.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub size: Option<Size>,
    /// The file's frames per second, if they are more than are drawn.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fps: Option<u32>,
    /// Whether the end flows into the beginning.
    #[serde(rename = "loop")]
    pub looped: bool,
}

impl OutputOptions {
    /// How many frames of `fps` a second are drawn beyond the video's end, to flow into its beginning.
    pub fn overlap_frames(&self, fps: u32) -> u32 {
        if self.looped { (fps / 2).max(1) } else { 0 }
    }
}

impl Codec {
    /// Every codec.
    pub const ALL: [Codec; 3] = [Codec::H264, Codec::Hevc, Codec::Av1];

    /// The name on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Codec::H264 => "h264",
            Codec::Hevc => "hevc",
            Codec::Av1 => "av1",
        }
    }
}

impl FromStr for Codec {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let found = Self::ALL.into_iter().find(|codec| codec.as_str() == text);
        found.ok_or_else(|| "must be one of: h264, hevc, av1".to_owned())
    }
}
