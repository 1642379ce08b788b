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
        if self.looped { Self::seam_frames(fps) } else { 0 }
    }

    /// How many those are for a loop: about half a second's.
    pub fn seam_frames(fps: u32) -> u32 {
        (fps / 2).max(1)
    }
}

/// Gives the values of a choice their names on the wire, and finds them by these.
macro_rules! named {
    ($choice:ident, $count:literal: $($value:ident = $name:literal),*) => {
        impl $choice {
            /// Every value.
            pub const ALL: [$choice; $count] = [$($choice::$value),*];

            /// The name on the wire.
            pub fn as_str(self) -> &'static str {
                match self {
                    $($choice::$value => $name,)*
                }
            }
        }

        impl FromStr for $choice {
            type Err = String;

            fn from_str(text: &str) -> Result<Self, String> {
                let names = Self::ALL.map(Self::as_str).join(", ");
                Self::ALL.into_iter().find(|value| value.as_str() == text).ok_or(format!("must be one of: {names}"))
            }
        }
    };
}

named!(Codec, 3: H264 = "h264", Hevc = "hevc", Av1 = "av1");
named!(Quality, 3: Compact = "compact", Standard = "standard", High = "high");
named!(Container, 2: Mp4 = "mp4", FragmentedMp4 = "fragmented_mp4");

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_those_of_the_ledger() {
        fn assert_named<T: Serialize>(value: T, name: &str) {
            assert_eq!(serde_json::to_value(value).expect("JSON"), name);
        }
        Codec::ALL.iter().for_each(|value| assert_named(value, value.as_str()));
        Quality::ALL.iter().for_each(|value| assert_named(value, value.as_str()));
        Container::ALL.iter().for_each(|value| assert_named(value, value.as_str()));
    }

    #[test]
    fn what_the_ledger_does_not_name_is_the_default() {
        let options: OutputOptions = serde_json::from_str(r#"{"loop": true}"#).expect("options");
        assert_eq!(options, OutputOptions { looped: true, ..OutputOptions::default() });
    }

    #[test]
    fn a_seam_lasts_about_half_a_second_and_is_never_without_a_frame() {
        let of = |looped| OutputOptions { looped, ..OutputOptions::default() };
        assert_eq!([1, 8, 15, 24, 30].map(|fps| of(true).overlap_frames(fps)), [1, 4, 7, 12, 15]);
        assert_eq!(of(false).overlap_frames(24), 0);
    }
}
