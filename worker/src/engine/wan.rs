//! The Wan engine: a diffusion model of `clipmill-wan` behind the engines' common face.

use std::sync::{Arc, Mutex, PoisonError};

use anyhow::{Context as _, ensure};
use clipmill_shared::jobs::Mode;
use clipmill_shared::offer::Offer;
use clipmill_shared::tier::Size;
use clipmill_wan::folder::Folder;
use clipmill_wan::pipeline::{self, Fit, LoraFile, Model, Options, Settings, TEXT_LENGTH, Video};
use clipmill_wan::schedule::{Sampling, Schedule};
use clipmill_wan::vae::Tiling;
use clipmill_wan::{Device, Error, Stage};

use super::{Engine, EngineError, FrameSink, Request, Watch};
use crate::tiers::{Expert, Steps, Wan};

/// The room for one loaded model on a device. Engines that share a device share it: loading one unloads the other.
#[derive(Default)]
pub struct Slot(Mutex<Option<(usize, Arc<Model>)>>);

/// One model with one tier's settings.
pub struct WanEngine {
    options: Options,
    settings: Settings,
    wan: Wan,
    offer: Offer,
    slot: Arc<Slot>,
}

impl WanEngine {
    /// Looks the model's folder through, and whether it can render what the tier offers. Loads nothing yet.
    ///
    /// # Errors
    /// A folder that is incomplete or not supported, settings that the model cannot follow, a device that is not there.
    pub fn open(wan: &Wan, device: &Device, slot: Arc<Slot>) -> anyhow::Result<Self> {
        let folder = Folder::open(&wan.folder)?;
        let options = options(wan, device);
        let engine = Self {
            settings: settings(wan),
            offer: offer(wan, &folder),
            wan: wan.clone(),
            options: options.clone(),
            slot,
        };
        Schedule::new(&folder.schedule, &engine.settings.sampling).context("the `steps` cannot be followed")?;
        let scale = folder.vae.scale_factor_spatial;
        for size in &engine.offer.sizes {
            let multiple = 2 * scale as u32;
            let fits = size.width.is_multiple_of(multiple) && size.height.is_multiple_of(multiple);
            ensure!(fits, "`sizes` names {size}; this model takes multiples of {multiple}");
        }
        wan.tile.map_or(Ok(()), |tile| Tiling::of(tile).check(scale)).context("`tile`")?;
        Model::open(folder, options)?;
        Ok(engine)
    }

    /// The model, loaded anew if another one took its place.
    fn model(&self) -> clipmill_wan::Result<Arc<Model>> {
        let mut slot = self.slot.0.lock().unwrap_or_else(PoisonError::into_inner);
        let id = std::ptr::from_ref(self) as usize;
        if let Some((_, model)) = slot.as_ref().filter(|(known, _)| *known == id) {
            return Ok(model.clone());
        }
        // The one before goes first: there may be no room for both.
        slot.take();
        let model = Arc::new(Model::open(Folder::open(&self.wan.folder)?, self.options.clone())?);
        *slot = Some((id, model.clone()));
        Ok(model)
    }
}

impl Engine for WanEngine {
    fn name(&self) -> &str {
        "wan"
    }

    fn offer(&self) -> Option<&Offer> {
        Some(&self.offer)
    }

    fn warm_up(&self, watch: &Watch) -> Result<(), EngineError> {
        let model = self.model().map_err(judge)?;
        model.warm_up(&self.settings, &Percent(watch)).map_err(judge)
    }

    fn render(&self, request: &Request, watch: &Watch, out: &mut dyn FrameSink) -> Result<(), EngineError> {
        let model = self.model().map_err(judge)?;
        let mut refused = None;
        let rendered = model.render(&asked(request, &self.wan), &self.settings, &Percent(watch), &mut |frame| {
            out.push(frame).map_err(|error| {
                refused = Some(error);
                Error::Stopped
            })
        });
        match refused {
            Some(error) => Err(error),
            None => rendered.map_err(judge),
        }
    }
}

fn asked<'a>(request: &'a Request, wan: &'a Wan) -> pipeline::Request<'a> {
    pipeline::Request {
        prompt: &request.prompt,
        negative_prompt: request.negative_prompt.as_deref().unwrap_or(&wan.negative_prompt),
        width: request.width,
        height: request.height,
        frames: request.frames,
        seed: request.seed,
        first_frame: request.first_frame.as_ref(),
        last_frame: request.last_frame.as_ref(),
    }
}

fn settings(wan: &Wan) -> Settings {
    let sampling = match &wan.steps {
        Steps::Count(count) => Sampling::Steps { count: *count as usize, shift: wan.shift },
        Steps::List(steps) => {
            Sampling::Distilled { steps: steps.clone(), shift: wan.shift.unwrap_or(1.0), renoise: wan.renoise }
        }
    };
    Settings {
        sampling,
        guidance: wan.guidance,
        guidance_low: wan.guidance_low,
        cache_threshold: wan.cache_threshold,
        tile: wan.tile,
        fit: Fit::Cover,
        text_length: TEXT_LENGTH,
    }
}

fn offer(wan: &Wan, folder: &Folder) -> Offer {
    let name = wan.folder.file_name().map(|name| name.to_string_lossy().into_owned());
    let (text, image) = (!folder.kind.needs_image(), folder.kind.takes_image());
    let modes = [(text, Mode::TextToVideo), (image, Mode::ImageToVideo)];
    Offer {
        model: name.unwrap_or_else(|| "wan".to_owned()),
        modes: modes.into_iter().filter(|(can, _)| *can).map(|(_, mode)| mode).collect(),
        last_frame: folder.kind.takes_last_image(),
        needs_last_frame: folder.kind.needs_last_image(),
        sizes: wan.sizes.clone(),
        fps: wan.fps,
        max_frames: wan.max_frames,
        seconds: None,
        text_sizes: None,
    }
}

/// How the model is loaded, with room for the largest videos of the tier.
pub(crate) fn options(wan: &Wan, device: &Device) -> Options {
    let video = |size: &Size| Video { width: size.width, height: size.height, frames: wan.max_frames };
    Options {
        loras: wan.lora.iter().map(lora).collect(),
        videos: wan.sizes.iter().map(video).collect(),
        ..Options::on(device.clone())
    }
}

fn lora(file: &crate::tiers::LoraFile) -> LoraFile {
    let expert = file.expert.map(|expert| match expert {
        Expert::High => pipeline::Expert::High,
        Expert::Low => pipeline::Expert::Low,
    });
    LoraFile { file: file.file.clone(), strength: file.strength, expert }
}

/// What an engine's fault means for the job. Only what the request itself cannot have is the customer's.
fn judge(error: Error) -> EngineError {
    match error {
        Error::Stopped => EngineError::Stopped,
        Error::Rejected(reason) => EngineError::Rejected(reason),
        error => EngineError::Transient(error.to_string()),
    }
}

/// A render's stages as one share: reading the model, encoding, denoising and decoding take about so much of the time.
struct Percent<'a>(&'a Watch);

impl clipmill_wan::Watch for Percent<'_> {
    fn stopped(&self) -> bool {
        self.0.stopped()
    }

    fn progress(&self, stage: Stage, done: usize, total: usize) {
        let (from, to) = match stage {
            Stage::Load => (0, 5),
            Stage::Encode => (5, 10),
            Stage::Denoise => (10, 80),
            Stage::Decode => (80, 100),
        };
        let percent = from + (to - from) * done.min(total) / total.max(1);
        // Weights may be read in the middle of a render; what was done stays done.
        self.0.progress((percent as u32).max(self.0.percent()), 100);
    }
}
