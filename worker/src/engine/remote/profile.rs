//! How model servers that speak the shape of OpenAI's Videos API differ from each other: data, and no code.

use std::fmt;

use serde::Deserialize;

/// Whose way of speaking.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Profile {
    /// vLLM-Omni.
    VllmOmni,
    /// SGLang with its diffusion server.
    Sglang,
    /// The API as OpenAI had it, and what imitates just that.
    Openai,
}

/// One way of speaking. A field without a name cannot be said.
#[derive(Debug)]
pub(super) struct Dialect {
    /// How size and length are said.
    pub(super) shape: Shape,
    /// The field of the seed.
    pub(super) seed: Option<&'static str>,
    /// The field of what shall not be shown.
    pub(super) negative_prompt: Option<&'static str>,
    /// The field of the number of steps.
    pub(super) steps: Option<&'static str>,
    /// The field of the guidance scale.
    pub(super) guidance: Option<&'static str>,
    /// The field of the picture that the video starts from.
    pub(super) first_frame: &'static str,
    /// The field that holds both pictures, the first and then the last.
    pub(super) last_frame: Option<&'static str>,
    /// Fields that an operator may set for all requests. None of them reaches the server's disk or another host.
    pub(super) further: &'static [&'static str],
    /// What answers with 200 when the server is ready, and with something else or not at all until then.
    pub(super) health: &'static str,
    /// Whether DELETE ends a render that is under way. Where it does not, it only forgets it.
    pub(super) delete_ends_it: bool,
}

/// How size and length are said.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Shape {
    /// `width`, `height`, `num_frames` and `fps`.
    Frames,
    /// `size` and `seconds`.
    Seconds,
}

static VLLM_OMNI: Dialect = Dialect {
    shape: Shape::Frames,
    seed: Some("seed"),
    negative_prompt: Some("negative_prompt"),
    steps: Some("num_inference_steps"),
    guidance: Some("guidance_scale"),
    first_frame: "input_reference",
    last_frame: Some("input_references"),
    further: &[
        "boundary_ratio",
        "flow_shift",
        "generate_sound",
        "guidance_scale_2",
        "quality",
        "sound_duration",
        "true_cfg_scale",
    ],
    health: "/health",
    delete_ends_it: true,
};

static SGLANG: Dialect = Dialect {
    shape: Shape::Frames,
    seed: Some("seed"),
    negative_prompt: Some("negative_prompt"),
    steps: Some("num_inference_steps"),
    guidance: Some("guidance_scale"),
    first_frame: "input_reference",
    last_frame: None,
    further: &[
        "enable_teacache",
        "flow_shift",
        "generator_device",
        "guidance_scale_2",
        "max_sequence_length",
        "true_cfg_scale",
    ],
    health: "/health",
    delete_ends_it: false,
};

static OPENAI: Dialect = Dialect {
    shape: Shape::Seconds,
    seed: None,
    negative_prompt: None,
    steps: None,
    guidance: None,
    first_frame: "input_reference",
    last_frame: None,
    further: &[],
    health: "/v1/models",
    delete_ends_it: false,
};

impl Profile {
    /// Every profile.
    pub const ALL: [Self; 3] = [Self::VllmOmni, Self::Sglang, Self::Openai];

    /// The name in `tiers.toml`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::VllmOmni => "vllm_omni",
            Self::Sglang => "sglang",
            Self::Openai => "openai",
        }
    }

    pub(super) fn dialect(self) -> &'static Dialect {
        match self {
            Self::VllmOmni => &VLLM_OMNI,
            Self::Sglang => &SGLANG,
            Self::Openai => &OPENAI,
        }
    }
}

impl fmt::Display for Profile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
