//! The models of MiniMax's API: what each makes videos of, and by which generation of the API.

use anyhow::Context as _;
use clipmill_shared::jobs::Mode::{self, ImageToVideo, TextToVideo};
use clipmill_shared::tier::Size;

use super::generation::Generation;
use super::{v1, v2};

/// What a model is.
pub struct Model {
    /// As MiniMax calls it.
    pub name: &'static str,
    /// What its videos may start from.
    pub modes: &'static [Mode],
    /// Whether a video may be given the picture that it ends on.
    pub last_frame: bool,
    pub(super) generation: &'static Generation,
}

const EITHER: &[Mode] = &[TextToVideo, ImageToVideo];
const TEXT: &[Mode] = &[TextToVideo];
const IMAGE: &[Mode] = &[ImageToVideo];

static MODELS: [Model; 10] = [
    Model { name: "MiniMax-Hailuo-2.3", modes: EITHER, last_frame: false, generation: &v1::GENERATION },
    Model { name: "MiniMax-Hailuo-2.3-Fast", modes: IMAGE, last_frame: false, generation: &v1::GENERATION },
    Model { name: "MiniMax-Hailuo-02", modes: EITHER, last_frame: true, generation: &v1::GENERATION },
    Model { name: "T2V-01", modes: TEXT, last_frame: false, generation: &v1::GENERATION },
    Model { name: "T2V-01-Director", modes: TEXT, last_frame: false, generation: &v1::GENERATION },
    Model { name: "I2V-01", modes: IMAGE, last_frame: false, generation: &v1::GENERATION },
    Model { name: "I2V-01-Director", modes: IMAGE, last_frame: false, generation: &v1::GENERATION },
    Model { name: "I2V-01-live", modes: IMAGE, last_frame: false, generation: &v1::GENERATION },
    Model { name: "MiniMax-H3", modes: EITHER, last_frame: true, generation: &v2::GENERATION },
    Model { name: "MiniMax-H3-Max", modes: EITHER, last_frame: true, generation: &v2::GENERATION },
];

impl Model {
    /// The model of this name.
    ///
    /// # Errors
    /// A name that is not known; the message has those that are.
    pub fn named(name: &str) -> anyhow::Result<&'static Self> {
        let names = || MODELS.each_ref().map(|model| model.name).join(", ");
        let found = MODELS.iter().find(|model| model.name == name);
        found.with_context(|| format!("`model` is {name}, and must be one of: {}", names()))
    }

    /// Whether it makes videos of text alone in this shape.
    pub fn draws_text_in(&self, size: Size) -> bool {
        self.generation.ratio(size).is_some()
    }
}
