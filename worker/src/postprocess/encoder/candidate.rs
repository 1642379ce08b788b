//! The encoders that are known, and what each is told.

use clipmill_shared::jobs::options::{Codec, Quality};

/// A name and a value that FFmpeg knows.
pub(super) type Setting = (&'static str, &'static str);

/// An encoder of FFmpeg that may be there.
#[derive(Debug)]
pub(crate) struct Candidate {
    /// FFmpeg's name of it.
    pub(crate) name: &'static str,
    /// What it makes.
    pub(crate) codec: Codec,
    /// Whether a GPU does the work.
    pub(crate) hardware: bool,
    /// What it is always told.
    always: &'static [Setting],
    compact: &'static [Setting],
    standard: &'static [Setting],
    high: &'static [Setting],
}

impl Candidate {
    /// What it is told for this quality.
    pub(super) fn settings(&self, quality: Quality) -> impl Iterator<Item = Setting> {
        let chosen = match quality {
            Quality::Compact => self.compact,
            Quality::Standard => self.standard,
            Quality::High => self.high,
        };
        self.always.iter().chain(chosen).copied()
    }
}

/// Where the converter puts its colour samples.
const CENTER: Setting = ("chroma_sample_location", "center");

/// Every encoder that is known; of those of one codec, the one that is preferred comes first.
///
/// The qualities of different encoders are about equal to the eye, their numbers are not: each has a scale of its own, on which
/// less is better. Of the presets those are taken whose files are about as small as those of much slower ones.
pub(super) const CANDIDATES: [Candidate; 7] = [
    Candidate {
        name: "h264_nvenc",
        codec: Codec::H264,
        hardware: true,
        always: &[("profile", "high"), ("tune", "hq"), ("rc", "vbr"), ("b", "0"), CENTER],
        compact: &[("preset", "p4"), ("cq", "28")],
        standard: &[("preset", "p5"), ("cq", "21")],
        high: &[("preset", "p6"), ("cq", "16")],
    },
    Candidate {
        name: "libx264",
        codec: Codec::H264,
        hardware: false,
        always: &[("profile", "high"), CENTER],
        compact: &[("preset", "veryfast"), ("crf", "26")],
        standard: &[("preset", "veryfast"), ("crf", "19")],
        high: &[("preset", "medium"), ("crf", "14")],
    },
    Candidate {
        name: "hevc_nvenc",
        codec: Codec::Hevc,
        hardware: true,
        always: &[("profile", "main"), ("tune", "hq"), ("rc", "vbr"), ("b", "0"), CENTER],
        compact: &[("preset", "p4"), ("cq", "30")],
        standard: &[("preset", "p5"), ("cq", "24")],
        high: &[("preset", "p6"), ("cq", "18")],
    },
    Candidate {
        name: "libx265",
        codec: Codec::Hevc,
        hardware: false,
        // It counts the places of colour samples from 0, which is left; 1 is the center.
        always: &[("x265-params", "log-level=none:open-gop=0:chromaloc=1"), CENTER],
        compact: &[("preset", "veryfast"), ("crf", "29")],
        standard: &[("preset", "veryfast"), ("crf", "22")],
        high: &[("preset", "medium"), ("crf", "16")],
    },
    // AV1 has no word for colour samples in the center.
    Candidate {
        name: "av1_nvenc",
        codec: Codec::Av1,
        hardware: true,
        always: &[("tune", "hq"), ("rc", "vbr"), ("b", "0")],
        compact: &[("preset", "p4"), ("cq", "38")],
        standard: &[("preset", "p5"), ("cq", "30")],
        high: &[("preset", "p6"), ("cq", "22")],
    },
    Candidate {
        name: "libsvtav1",
        codec: Codec::Av1,
        hardware: false,
        always: &[],
        compact: &[("preset", "10"), ("crf", "45")],
        standard: &[("preset", "8"), ("crf", "32")],
        high: &[("preset", "6"), ("crf", "20")],
    },
    Candidate {
        name: "libaom-av1",
        codec: Codec::Av1,
        hardware: false,
        // A rate of 0 leaves it to the quality alone.
        always: &[("b", "0"), ("row-mt", "1")],
        compact: &[("cpu-used", "8"), ("crf", "42")],
        standard: &[("cpu-used", "7"), ("crf", "30")],
        high: &[("cpu-used", "5"), ("crf", "18")],
    },
];
