//! What `tiers.toml` says of a tier that a model server renders.

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;

use anyhow::{Context as _, ensure};
use clipmill_shared::jobs::Mode;
use clipmill_shared::offer::Offer;
use clipmill_shared::outbound;
use clipmill_shared::tier::Size;
use serde::Deserialize;

use super::profile::Profile;

/// How a model server renders one tier.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Section {
    /// Which server's way of speaking: `vllm_omni`, `sglang` or `openai`.
    pub profile: Profile,
    /// Where it listens, without the path.
    pub url: String,
    /// File with the key that it wants to see; a relative one starts at the folder of `tiers.toml`.
    pub api_key_file: Option<PathBuf>,
    /// The model as the server calls it; unset means whatever it serves.
    pub model: Option<String>,
    /// The sizes on offer, the default first.
    pub sizes: Vec<Size>,
    /// The model's frame rate, in frames per second.
    pub fps: u32,
    /// The longest video, in frames.
    pub max_frames: u32,
    /// For models that draw one frame more than a multiple of this: as many are asked for, and the surplus is cut off.
    #[serde(default = "one")]
    pub frames_step: u32,
    /// How many steps the model takes; unset means the server's own number.
    pub steps: Option<u32>,
    /// Guidance scale; unset means the server's own.
    pub guidance: Option<f64>,
    /// Used where a request has no negative prompt.
    pub negative_prompt: Option<String>,
    /// What a job may start from.
    #[serde(default = "both")]
    pub modes: Vec<Mode>,
    /// Whether a video may be given the picture that it ends on.
    #[serde(default)]
    pub last_frame: bool,
    /// Further fields for every request, of those that the profile knows.
    #[serde(default)]
    pub fields: BTreeMap<String, Plain>,
    /// How long the server may take for what.
    #[serde(default)]
    pub time: Times,
    /// The server's process, if this worker runs it.
    pub server: Option<Owned>,
}

/// The value of a field.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(untagged, expecting = "a value in `fields` must be a text, a number, true or false")]
pub enum Plain {
    /// Yes or no.
    Bool(bool),
    /// A whole number.
    Integer(i64),
    /// Another number.
    Float(f64),
    /// A text.
    Text(String),
}

impl fmt::Display for Plain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Bool(value) => value.fmt(f),
            Self::Integer(value) => value.fmt(f),
            Self::Float(value) => value.fmt(f),
            Self::Text(value) => value.fmt(f),
        }
    }
}

/// How long a server may take, in seconds.
#[derive(Debug, Clone, Copy, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Times {
    /// To take a request.
    pub submit_seconds: u64,
    /// Between two questions how far it is; a fraction is welcome.
    pub poll_seconds: f64,
    /// To render, from the request on.
    pub render_seconds: u64,
    /// To hand the video over.
    pub download_seconds: u64,
    /// To give a render up that it can give up.
    pub cancel_seconds: u64,
    /// To get ready after its start.
    pub warm_up_seconds: u64,
}

impl Default for Times {
    fn default() -> Self {
        Self {
            submit_seconds: 60,
            poll_seconds: 1.0,
            render_seconds: 3000,
            download_seconds: 300,
            cancel_seconds: 60,
            warm_up_seconds: 1800,
        }
    }
}

/// A server's process that a worker starts, watches and ends.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Owned {
    /// The program and its arguments.
    pub command: Vec<String>,
    /// Variables that it gets beside the worker's own.
    #[serde(default)]
    pub env: BTreeMap<String, String>,
    /// Whether it is restarted to be rid of a render that it cannot give up.
    #[serde(default)]
    pub restart_to_cancel: bool,
    /// How long it may take to end when it is asked to, in seconds; then it is killed.
    #[serde(default = "stop_seconds")]
    pub stop_seconds: u64,
    /// Whether what it writes goes to the worker's log. Servers like to write prompts there.
    #[serde(default)]
    pub log: bool,
}

fn one() -> u32 {
    1
}

fn both() -> Vec<Mode> {
    vec![Mode::TextToVideo, Mode::ImageToVideo]
}

fn stop_seconds() -> u64 {
    30
}

impl Section {
    /// Looks whether the settings mean something to this profile. What the tier accepts is looked at elsewhere.
    pub(crate) fn check(&self) -> anyhow::Result<()> {
        let dialect = self.profile.dialect();
        outbound::parse(&self.url).map_err(|error| anyhow::anyhow!("`url` {error}"))?;
        ensure!(!self.modes.is_empty(), "`modes` must name at least one: text_to_video, image_to_video");
        ensure!(self.frames_step > 0, "`frames_step` must be at least 1");
        ensure!(self.steps != Some(0), "`steps` must be at least 1");
        ensure!(
            self.guidance.is_none_or(|guidance| guidance.is_finite() && guidance >= 0.0),
            "`guidance` must be 0 or more"
        );
        let takes_last = dialect.last_frame.is_some() && self.modes.contains(&Mode::ImageToVideo);
        ensure!(!self.last_frame || takes_last, "`last_frame` is nothing that {} can be given", self.profile);
        for (set, field, name) in [
            (self.steps.is_some(), dialect.steps, "steps"),
            (self.guidance.is_some(), dialect.guidance, "guidance"),
            (self.negative_prompt.is_some(), dialect.negative_prompt, "negative_prompt"),
        ] {
            ensure!(!set || field.is_some(), "`{name}` is nothing that {} can be told", self.profile);
        }
        for name in self.fields.keys() {
            let known = dialect.further.join(", ");
            ensure!(dialect.further.contains(&name.as_str()), "`fields` names {name}; {} takes: {known}", self.profile);
        }
        self.time.check()?;
        self.server.as_ref().map_or(Ok(()), Owned::check).context("`server`")
    }

    /// What is on offer.
    pub(crate) fn offer(&self) -> Offer {
        Offer {
            model: self.model.clone().unwrap_or_else(|| "remote".to_owned()),
            modes: self.modes.clone(),
            last_frame: self.last_frame,
            needs_last_frame: false,
            sizes: self.sizes.clone(),
            fps: self.fps,
            max_frames: self.max_frames,
            seconds: None,
            text_sizes: None,
        }
    }
}

impl Times {
    fn check(&self) -> anyhow::Result<()> {
        ensure!((0.01..=60.0).contains(&self.poll_seconds), "`time.poll_seconds` must be from 0.01 to 60");
        let Self { submit_seconds, render_seconds, download_seconds, cancel_seconds, warm_up_seconds, .. } = *self;
        let limits = [submit_seconds, render_seconds, download_seconds, cancel_seconds, warm_up_seconds];
        ensure!(limits.iter().all(|seconds| (1..=86_400).contains(seconds)), "each of `time` must be from 1 to 86400");
        Ok(())
    }
}

impl Owned {
    fn check(&self) -> anyhow::Result<()> {
        ensure!(self.command.first().is_some_and(|program| !program.is_empty()), "`command` must name a program");
        ensure!((1..=3600).contains(&self.stop_seconds), "`stop_seconds` must be from 1 to 3600");
        Ok(())
    }
}
