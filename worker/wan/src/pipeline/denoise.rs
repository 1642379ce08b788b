//! The walk from noise to latents.

use std::sync::Arc;

use candle_core::{DType, Tensor};

use super::condition::{self, Condition};
use super::model::{Expert, Model};
use super::preload;
use super::probe::Probe;
use super::request::{Request, Settings, Shape};
use crate::dit::{Context, Inputs, Run, StepCache, Transformer};
use crate::error::{Error, Result};
use crate::noise::Noise;
use crate::schedule::Schedule;
use crate::watch::{Stage, Watch};

/// What the transformers attend to: the prompt, what the video shall not show, the image encoder's view.
struct Words {
    prompt: Tensor,
    negative: Option<Tensor>,
    view: Option<Tensor>,
}

/// What is known before the first step.
struct Given {
    shape: Shape,
    words: Words,
    condition: Condition,
    noise: Noise,
}

/// One transformer at work: what it attends to with and without the prompt, and what it remembers of the last step.
struct Pair {
    transformer: Arc<Transformer>,
    guidance: f64,
    prompt: (Context, Option<StepCache>),
    negative: Option<(Context, Option<StepCache>)>,
}

impl Model {
    /// The normalised latents of a video, `[1, z, T, h, w]` in f32.
    pub(crate) fn denoise(
        &self,
        request: &Request,
        settings: &Settings,
        watch: &dyn Watch,
        probe: &mut dyn Probe,
    ) -> Result<Tensor> {
        let shape = Shape::of(request, self.folder())?;
        self.require_memory(&shape, self.tiling(&shape, settings.tile)?)?;
        let mut schedule = Schedule::new(&self.folder().schedule, &settings.sampling)?;
        watch.progress(Stage::Encode, 0, 2);
        let words = self.words(request, settings, watch, probe)?;
        watch.progress(Stage::Encode, 1, 2);
        let condition = Condition::of(self, request, &shape, settings.fit, watch)?;
        watch.progress(Stage::Encode, 2, 2);

        let timesteps = (0..schedule.len()).filter_map(|step| schedule.timestep(step));
        let experts: Vec<Expert> = timesteps.map(|timestep| self.expert(timestep)).collect();
        let given = Given { shape, words, condition, noise: Noise::new(request.seed, self.device()) };
        let walk = || self.walk(given, &mut schedule, settings, watch, probe);
        if experts.contains(&Expert::High) && experts.contains(&Expert::Low) {
            return preload::beside(self, watch, walk);
        }
        walk()
    }

    /// Goes through the steps of the schedule.
    fn walk(
        &self,
        mut given: Given,
        schedule: &mut Schedule,
        settings: &Settings,
        watch: &dyn Watch,
        probe: &mut dyn Probe,
    ) -> Result<Tensor> {
        let dims = given.shape.latents(self.folder().vae.z_dim);
        let mut x = match probe.noise() {
            Some(noise) => noise.to_device(self.device())?,
            None => given.noise.like(&dims)?,
        };
        let (mut at_work, mut calls) = (None, 0);
        for step in 0..schedule.len() {
            watch.progress(Stage::Denoise, step, schedule.len());
            let timestep = schedule.timestep(step).unwrap_or(0.0);
            let expert = self.expert(timestep);
            if at_work.as_ref().is_none_or(|(known, _)| *known != expert) {
                // The one before goes first: there may be no room for both.
                drop(at_work.take());
                at_work = Some((expert, self.pair(expert, &given.words, settings, watch)?));
            }
            let Some((_, pair)) = &mut at_work else { continue };
            let times = given.condition.times(timestep, given.shape.latent_frames);
            let velocity = pair.velocity(&given.condition.input(&x)?, &times, &mut calls, watch, probe)?;
            x = schedule.step(step, &x, &velocity, &mut || given.noise.like(&dims))?;
            refuse_infinite(&x, step)?;
            probe.step(step, &x);
        }
        watch.progress(Stage::Denoise, schedule.len(), schedule.len());
        given.condition.output(&x)
    }

    /// Embeds what is asked for. What must not be shown matters only under guidance. The text encoder is read only for a text
    /// that it did not read lately.
    fn words(&self, request: &Request, settings: &Settings, watch: &dyn Watch, probe: &mut dyn Probe) -> Result<Words> {
        let (length, mut reader) = (settings.text_length, None);
        let mut embed = |prompt: &str| match self.embeddings.rows(prompt, length)? {
            Some(rows) => Ok::<_, Error>(rows),
            None => {
                let text = match reader.take() {
                    Some(text) => text,
                    None => self.text(watch)?,
                };
                reader.insert(text).embed(prompt, length, &self.embeddings, watch)
            }
        };
        let negative = (settings.guidance > 1.0).then(|| embed(request.negative_prompt)).transpose()?;
        let prompt = embed(request.prompt)?;
        Ok(Words { prompt, negative, view: condition::view(self, request, watch, probe)? })
    }

    /// Which transformer works at a timestep, 0 to 1000.
    fn expert(&self, timestep: f64) -> Expert {
        match self.folder().boundary_ratio {
            Some(ratio) if self.folder().kind.has_experts() && timestep < ratio * 1000.0 => Expert::Low,
            _ => Expert::High,
        }
    }

    fn pair(&self, expert: Expert, words: &Words, settings: &Settings, watch: &dyn Watch) -> Result<Pair> {
        let transformer = self.transformer(expert, watch)?;
        let cache = || settings.cache_threshold.map(StepCache::new);
        let context = |text: &Tensor| transformer.context(text, words.view.as_ref());
        let guidance = match expert {
            Expert::High => settings.guidance,
            Expert::Low => settings.guidance_low.unwrap_or(settings.guidance),
        };
        Ok(Pair {
            prompt: (context(&words.prompt)?, cache()),
            negative: words.negative.as_ref().map(|text| Ok::<_, Error>((context(text)?, cache()))).transpose()?,
            guidance,
            transformer,
        })
    }
}

impl Pair {
    /// The velocity under classifier-free guidance (Ho, Salimans 2022): from what it is without the prompt towards, and
    /// beyond, what it is with it.
    fn velocity(
        &mut self,
        latents: &Tensor,
        times: &[Run],
        calls: &mut usize,
        watch: &dyn Watch,
        probe: &mut dyn Probe,
    ) -> Result<Tensor> {
        let mut predict = |(context, cache): &mut (Context, Option<StepCache>)| {
            let call = *calls;
            *calls += 1;
            probe.input(call, latents);
            let inputs = Inputs { latents, times, context };
            let mut trace = |block: usize, rows: &Tensor| probe.block(call, block, rows);
            let velocity = self.transformer.forward_traced(&inputs, cache.as_mut(), watch, &mut trace)?;
            probe.output(call, &velocity);
            Ok::<_, Error>(velocity)
        };
        let with = predict(&mut self.prompt)?;
        let Some(negative) = &mut self.negative else { return Ok(with) };
        let without = predict(negative)?;
        Ok((&without + ((with - &without)? * self.guidance)?)?)
    }
}

fn refuse_infinite(latents: &Tensor, step: usize) -> Result<()> {
    let sum: f32 = latents.to_dtype(DType::F32)?.abs()?.sum_all()?.to_scalar()?;
    if sum.is_finite() { Ok(()) } else { Err(Error::NotFinite(format!("the latents after step {step}"))) }
}
