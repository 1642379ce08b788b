//! `tiers.toml`: which engine renders which tier, with which model and settings.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context as _, ensure};
use clipmill_shared::db::PgPool;
use clipmill_shared::tier::{Size, Tier};
use clipmill_wan::Device;
use serde::Deserialize;

use crate::engine::Engine;
use crate::engine::minimax::MinimaxEngine;
use crate::engine::preview::PreviewEngine;
use crate::engine::remote::RemoteEngine;
use crate::engine::remote::section::Section;
use crate::engine::remote::server::{self, Servers};
use crate::engine::wan::{Slot, WanEngine};
use crate::env::Engines;

mod minimax;

pub use minimax::{Minimax, Resolution};

/// What the file says of each tier; a tier that it leaves out is not served.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(transparent)]
pub struct Tiers(BTreeMap<Tier, Rendering>);

/// What renders one tier.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(tag = "engine", rename_all = "snake_case", deny_unknown_fields)]
pub enum Rendering {
    /// The engine without a model.
    Preview {},
    /// A Wan model in diffusers folder layout.
    Wan(Box<Wan>),
    /// A model server that speaks the shape of OpenAI's Videos API.
    Remote(Box<Section>),
    /// MiniMax's own API.
    Minimax(Box<Minimax>),
}

/// How a Wan model renders one tier.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Wan {
    /// The model's folder; a relative one starts at the folder of `tiers.toml`.
    pub folder: PathBuf,
    /// The sizes on offer, the default first.
    pub sizes: Vec<Size>,
    /// The model's frame rate, in frames per second.
    pub fps: u32,
    /// The longest video, in frames.
    pub max_frames: u32,
    /// How the noise is walked down.
    pub steps: Steps,
    /// Overrides the shift of the noise schedule that the folder names.
    pub shift: Option<f64>,
    /// Guidance scale; 1 means none, as for distilled models.
    #[serde(default = "one")]
    pub guidance: f64,
    /// Guidance scale of the low-noise expert, if it has one of its own.
    pub guidance_low: Option<f64>,
    /// Whether fresh noise is added after each step of a list (DMD), or the flow is followed (Euler).
    #[serde(default)]
    pub renoise: bool,
    /// Used where a request has no negative prompt.
    #[serde(default)]
    pub negative_prompt: String,
    /// Skips the transformer's later blocks in steps that change its first block's residual by less than this share.
    pub cache_threshold: Option<f64>,
    /// Step-distillation or style weights that are merged in when the model is loaded.
    #[serde(default)]
    pub lora: Vec<LoraFile>,
    /// Decodes in tiles of so many pixels; unset means as memory allows.
    pub tile: Option<usize>,
}

/// A number of steps, or the very steps.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(untagged)]
pub enum Steps {
    /// So many steps of the folder's own scheduler.
    Count(u32),
    /// Timesteps of a step-distilled model, from 1000 down.
    List(Vec<f64>),
}

/// Weights to merge in.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LoraFile {
    /// The safetensors file; a relative one starts at the folder of `tiers.toml`.
    pub file: PathBuf,
    /// How strongly.
    #[serde(default = "one")]
    pub strength: f64,
    /// Into which of two experts: `high` or `low` noise; unset means the only one, or both.
    pub expert: Option<Expert>,
}

/// One of two transformers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Expert {
    /// The one for the first, noisy steps.
    High,
    /// The one for the last steps.
    Low,
}

fn one() -> f64 {
    1.0
}

impl Tiers {
    /// Reads `tiers.toml`.
    ///
    /// # Errors
    /// A file that cannot be read, is not TOML, or has a key or value that is not known; the message names the line.
    pub fn read(file: &Path) -> anyhow::Result<Self> {
        let text = std::fs::read_to_string(file).with_context(|| format!("cannot read {}", file.display()))?;
        let home = file.parent().unwrap_or(Path::new("."));
        Self::parse(&text, home).with_context(|| format!("{} cannot be used", file.display()))
    }

    fn parse(text: &str, home: &Path) -> anyhow::Result<Self> {
        let mut tiers: Self = toml::from_str(text)?;
        ensure!(!tiers.0.is_empty(), "it names no tier: [fast] or [pro]");
        for (tier, rendering) in &mut tiers.0 {
            rendering.start_at(home);
            rendering.check(*tier).with_context(|| format!("[{tier}]"))?;
        }
        Ok(tiers)
    }

    /// The engines that render these tiers. Models are looked through here and loaded when the first job needs them;
    /// tiers with the same settings share one. Workers keep limits of other services together by way of the ledger; without one they
    /// are not kept, as for a mere look.
    ///
    /// # Errors
    /// A model folder that is incomplete or not supported, a key that cannot be read.
    pub fn engines(&self, device: &Device, ledger: Option<&PgPool>) -> anyhow::Result<Engines> {
        let place = Place { device, ledger, slot: Arc::new(Slot::default()), servers: self.servers()? };
        let mut made: Vec<(&Rendering, Arc<dyn Engine>)> = Vec::new();
        let mut engines = Engines::new();
        for (tier, rendering) in &self.0 {
            let known = made.iter().find(|(known, _)| *known == rendering).map(|(_, engine)| engine.clone());
            let engine = match known {
                Some(engine) => engine,
                None => rendering.engine(&place).with_context(|| format!("[{tier}]"))?,
            };
            made.push((rendering, engine.clone()));
            engines.insert(*tier, engine);
        }
        Ok(engines)
    }

    /// The model servers that this worker is to run.
    fn servers(&self) -> anyhow::Result<Servers> {
        server::servers(self.0.values().filter_map(|rendering| match rendering {
            Rendering::Remote(section) => Some(section.as_ref()),
            Rendering::Preview {} | Rendering::Wan(_) | Rendering::Minimax(_) => None,
        }))
    }

    /// What renders each tier.
    pub fn renderings(&self) -> impl Iterator<Item = (Tier, &Rendering)> {
        self.0.iter().map(|(tier, rendering)| (*tier, rendering))
    }
}

/// Where engines find themselves.
struct Place<'a> {
    device: &'a Device,
    ledger: Option<&'a PgPool>,
    slot: Arc<Slot>,
    servers: Servers,
}

impl Rendering {
    /// Whether a model runs on the worker's own device.
    pub(crate) fn runs_here(&self) -> bool {
        matches!(self, Rendering::Wan(_))
    }

    /// Lets relative paths start at this folder.
    fn start_at(&mut self, home: &Path) {
        match self {
            Rendering::Preview {} => {}
            Rendering::Wan(wan) => {
                wan.folder = home.join(&wan.folder);
                wan.lora.iter_mut().for_each(|lora| lora.file = home.join(&lora.file));
            }
            Rendering::Remote(section) => {
                section.api_key_file = section.api_key_file.as_ref().map(|file| home.join(file));
            }
            Rendering::Minimax(minimax) => minimax.api_key_file = home.join(&minimax.api_key_file),
        }
    }

    fn check(&self, tier: Tier) -> anyhow::Result<()> {
        match self {
            Rendering::Preview {} => Ok(()),
            Rendering::Wan(wan) => wan.check(tier),
            Rendering::Remote(section) => {
                check_offer(tier, &section.sizes, section.fps, section.max_frames)?;
                section.check()
            }
            Rendering::Minimax(minimax) => minimax.check(tier),
        }
    }

    fn engine(&self, place: &Place<'_>) -> anyhow::Result<Arc<dyn Engine>> {
        Ok(match self {
            Rendering::Preview {} => Arc::new(PreviewEngine::new()),
            Rendering::Wan(wan) => Arc::new(WanEngine::open(wan, place.device, place.slot.clone())?),
            Rendering::Remote(section) => {
                Arc::new(RemoteEngine::open(section, place.servers.get(&section.url).cloned())?)
            }
            Rendering::Minimax(minimax) => Arc::new(MinimaxEngine::open(minimax, place.ledger)?),
        })
    }
}

impl Wan {
    fn check(&self, tier: Tier) -> anyhow::Result<()> {
        check_offer(tier, &self.sizes, self.fps, self.max_frames)?;
        ensure!(self.guidance >= 1.0 && self.guidance.is_finite(), "`guidance` must be 1 (none) or more");
        ensure!(!self.renoise || matches!(self.steps, Steps::List(_)), "`renoise` needs a list of `steps`");
        Ok(())
    }
}

/// What the tier does not accept cannot be on offer.
fn check_offer(tier: Tier, sizes: &[Size], fps: u32, max_frames: u32) -> anyhow::Result<()> {
    let (limits, (slowest, fastest)) = (tier.limits(), tier.limits().fps);
    ensure!(!sizes.is_empty(), "`sizes` must name at least one size");
    for size in sizes {
        let max_seconds = limits.max_seconds(*size).filter(|_| size.is_well_formed());
        ensure!(max_seconds.is_some(), "`sizes` names {size}, which the {tier} tier does not accept");
    }
    ensure!((slowest..=fastest).contains(&fps), "`fps` must be from {slowest} to {fastest}");
    ensure!(max_frames >= fps, "`max_frames` must be at least one second: {fps} frames");
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    const WAN: &str = r#"
        [fast]
        engine = "wan"
        folder = "models/Wan2.2-TI2V-5B-Diffusers"
        sizes = ["1280x704", "704x1280"]
        fps = 24
        max_frames = 121
        steps = [1000, 757, 522]
        shift = 8.0
        renoise = true
    "#;

    fn error(text: &str) -> String {
        format!("{:#}", Tiers::parse(text, Path::new("/etc/clipmill")).expect_err(text))
    }

    #[test]
    fn a_relative_folder_starts_where_the_file_lies() {
        let tiers = Tiers::parse(WAN, Path::new("/etc/clipmill")).expect("it is well formed");
        let (tier, rendering) = tiers.renderings().next().expect("one tier");
        let Rendering::Wan(wan) = rendering else { panic!("{rendering:?}") };
        assert_eq!(tier, Tier::Fast);
        assert_eq!(wan.folder, Path::new("/etc/clipmill/models/Wan2.2-TI2V-5B-Diffusers"));
        assert_eq!((wan.guidance, &wan.steps), (1.0, &Steps::List(vec![1000.0, 757.0, 522.0])));
    }

    #[test]
    fn what_cannot_be_used_is_named() {
        for (from, to, named) in [
            ("engine = \"wan\"", "engine = \"sora\"", "sora"),
            ("[fast]", "[ultra]", "ultra"),
            ("fps = 24", "fps = 60", "fps"),
            ("\"1280x704\"", "\"1920x1080\"", "1920x1080"),
            ("\"1280x704\"", "\"1280\"", "WIDTHxHEIGHT"),
            ("max_frames = 121", "max_frames = 8", "max_frames"),
            ("shift = 8.0", "shfit = 8.0", "shfit"),
            ("[1000, 757, 522]", "3", "renoise"),
        ] {
            let text = WAN.replace(from, to);
            assert!(error(&text).contains(named), "{to}: {}", error(&text));
        }
        assert!(error("").contains("names no tier"));
    }

    const REMOTE: &str = r#"
        [pro]
        engine = "remote"
        profile = "vllm_omni"
        url = "http://127.0.0.1:8000"
        api_key_file = "key"
        model = "Wan-AI/Wan2.2-I2V-A14B-Diffusers"
        sizes = ["1280x720", "720x1280"]
        fps = 16
        max_frames = 81
        frames_step = 4
        steps = 40
        guidance = 4.0
        modes = ["image_to_video"]
        last_frame = true
        fields = { flow_shift = 5.0 }
        [pro.time]
        poll_seconds = 0.5
        [pro.server]
        command = ["vllm", "serve"]
        env = { CUDA_VISIBLE_DEVICES = "0,1" }
        restart_to_cancel = true
    "#;

    #[test]
    fn a_model_server_is_told_apart_by_data_alone() {
        let tiers = Tiers::parse(REMOTE, Path::new("/etc/clipmill")).expect("it is well formed");
        let (_, Rendering::Remote(section)) = tiers.renderings().next().expect("one tier") else { panic!("{tiers:?}") };
        assert_eq!(section.api_key_file.as_deref(), Some(Path::new("/etc/clipmill/key")));
        assert_eq!((section.time.poll_seconds, section.time.submit_seconds), (0.5, 60));
        let owned = section.server.as_ref().expect("it runs the server");
        assert!(owned.restart_to_cancel && !owned.log);
        let offer = section.offer();
        assert_eq!(
            (offer.model.as_str(), offer.max_seconds(), offer.last_frame),
            ("Wan-AI/Wan2.2-I2V-A14B-Diffusers", 5, true)
        );
    }

    #[test]
    fn what_a_model_server_cannot_be_told_is_named() {
        for (from, to, named) in [
            ("\"vllm_omni\"", "\"comfy\"", "comfy"),
            ("http://127.0.0.1:8000", "127.0.0.1:8000", "url"),
            ("http://127.0.0.1:8000", "http://me:secret@127.0.0.1:8000", "user name"),
            ("\"vllm_omni\"", "\"sglang\"", "last_frame"),
            ("last_frame = true", "last_frame = true\nprompt = \"x\"", "prompt"),
            ("flow_shift = 5.0", "output_path = \"/etc\"", "output_path"),
            ("flow_shift = 5.0", "flow_shift = [5.0]", "fields"),
            ("\"1280x720\"", "\"2560x1440\"", "2560x1440"),
            ("modes = [\"image_to_video\"]", "modes = []", "modes"),
            ("poll_seconds = 0.5", "poll_seconds = 0", "poll_seconds"),
            ("poll_seconds = 0.5", "render_seconds = 0", "time"),
            ("[\"vllm\", \"serve\"]", "[]", "command"),
        ] {
            let text = REMOTE.replace(from, to);
            assert!(error(&text).contains(named), "{to}: {}", error(&text));
        }
        let plain = REMOTE.replace("vllm_omni", "openai").replace("last_frame = true", "");
        assert!(error(&plain).contains("steps"), "{}", error(&plain));
    }

    #[tokio::test]
    async fn tiers_that_share_a_model_server_share_its_process_or_say_why_not() {
        let both = format!(
            "{}{}",
            REMOTE.replace("[pro", "[fast").replace("1280x720", "832x480").replace("720x1280", "480x832"),
            REMOTE
        );
        let both = both.replace("api_key_file = \"key\"", "");
        let engines =
            |text: &str| Tiers::parse(text, Path::new(".")).and_then(|tiers| tiers.engines(&Device::Cpu, None));
        assert_eq!(engines(&both).expect("one process").len(), 2);
        let error =
            engines(&both.replacen("\"serve\"", "\"serve\", \"--fast\"", 1)).map(drop).expect_err("two processes");
        assert!(format!("{error:#}").contains("differently"), "{error:#}");
    }

    #[test]
    fn the_examples_that_ship_are_well_formed() {
        for text in [
            include_str!("../tiers/one-24-gb-gpu.toml"),
            include_str!("../tiers/one-80-gb-gpu.toml"),
            include_str!("../tiers/eight-gpus-vllm-omni.toml"),
            include_str!("../tiers/minimax.toml"),
        ] {
            let tiers = Tiers::parse(text, Path::new("/models")).expect("an example");
            assert_eq!(tiers.renderings().count(), 2);
        }
    }

    #[test]
    fn tiers_with_the_same_settings_share_one_engine() {
        let tiers = Tiers::parse("[fast]\nengine = \"preview\"\n[pro]\nengine = \"preview\"\n", Path::new("."));
        let engines = tiers.and_then(|tiers| tiers.engines(&Device::Cpu, None)).expect("preview needs nothing");
        assert!(Arc::ptr_eq(&engines[&Tier::Fast], &engines[&Tier::Pro]));
    }
}
