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
            match rendering {
                Rendering::Preview {} => {}
                Rendering::Wan(wan) => {
                    wan.folder = home.join(&wan.folder);
                    wan.lora.iter_mut().for_each(|lora| lora.file = home.join(&lora.file));
                    wan.check(*tier).with_context(|| format!("[{tier}]"))?;
                }
                Rendering::Minimax(minimax) => {
                    minimax.api_key_file = home.join(&minimax.api_key_file);
                    minimax.check(*tier).with_context(|| format!("[{tier}]"))?;
                }
            }
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
        let slot = Arc::new(Slot::default());
        let mut made: Vec<(&Rendering, Arc<dyn Engine>)> = Vec::new();
        let mut engines = Engines::new();
        for (tier, rendering) in &self.0 {
            let known = made.iter().find(|(known, _)| *known == rendering).map(|(_, engine)| engine.clone());
            let engine = match known {
                Some(engine) => engine,
                None => rendering.engine(device, &slot, ledger).with_context(|| format!("[{tier}]"))?,
            };
            made.push((rendering, engine.clone()));
            engines.insert(*tier, engine);
        }
        Ok(engines)
    }

    /// What renders each tier.
    pub fn renderings(&self) -> impl Iterator<Item = (Tier, &Rendering)> {
        self.0.iter().map(|(tier, rendering)| (*tier, rendering))
    }
}

impl Rendering {
    /// Whether a model runs on the worker's own device.
    pub(crate) fn runs_here(&self) -> bool {
        matches!(self, Rendering::Wan(_))
    }

    fn engine(&self, device: &Device, slot: &Arc<Slot>, ledger: Option<&PgPool>) -> anyhow::Result<Arc<dyn Engine>> {
        Ok(match self {
            Rendering::Preview {} => Arc::new(PreviewEngine::new()),
            Rendering::Wan(wan) => Arc::new(WanEngine::open(wan, device, slot.clone())?),
            Rendering::Minimax(minimax) => Arc::new(MinimaxEngine::open(minimax, ledger)?),
        })
    }
}

impl Wan {
    /// What the tier does not accept cannot be on offer.
    fn check(&self, tier: Tier) -> anyhow::Result<()> {
        let (limits, fps) = (tier.limits(), tier.limits().fps);
        ensure!(!self.sizes.is_empty(), "`sizes` must name at least one size");
        for size in &self.sizes {
            let max_seconds = limits.max_seconds(*size).filter(|_| size.is_well_formed());
            ensure!(max_seconds.is_some(), "`sizes` names {size}, which the {tier} tier does not accept");
        }
        ensure!((fps.0..=fps.1).contains(&self.fps), "`fps` must be from {} to {}", fps.0, fps.1);
        ensure!(self.max_frames >= self.fps, "`max_frames` must be at least one second: {} frames", self.fps);
        ensure!(self.guidance >= 1.0 && self.guidance.is_finite(), "`guidance` must be 1 (none) or more");
        ensure!(!self.renoise || matches!(self.steps, Steps::List(_)), "`renoise` needs a list of `steps`");
        Ok(())
    }
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

    #[test]
    fn the_examples_that_ship_are_well_formed() {
        for text in [
            include_str!("../tiers/one-24-gb-gpu.toml"),
            include_str!("../tiers/one-80-gb-gpu.toml"),
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
