//! The walk from noise to latents.

use std::sync::Arc;

use candle_core::{DType, Tensor};

use super::condition::{self, Condition};
use super::model::{Expert, Model};
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
        self.require_memory(&shape)?;
        let mut schedule = Schedule::new(&self.folder().schedule, &settings.sampling)?;
        watch.progress(Stage::Encode, 0, 2);
        let words = self.words(request, settings, watch, probe)?;
        watch.progress(Stage::Encode, 1, 2);
        let condition = Condition::of(self, request, &shape, settings.fit, watch)?;
        watch.progress(Stage::Encode, 2, 2);

        let mut noise = Noise::new(request.seed, self.device());
        let dims = shape.latents(self.folder().vae.z_dim);
        let mut x = match probe.noise() {
            Some(given) => given.to_device(self.device())?,
            None => noise.like(&dims)?,
        };
        let (mut at_work, mut calls) = (None, 0);
        for step in 0..schedule.len() {
            watch.progress(Stage::Denoise, step, schedule.len());
            let timestep = schedule.timestep(step).unwrap_or(0.0);
            let expert = self.expert(timestep);
            if at_work.as_ref().is_none_or(|(known, _)| *known != expert) {
                // The one before goes first: there may be no room for both.
                drop(at_work.take());
                at_work = Some((expert, self.pair(expert, &words, settings, watch)?));
            }
            let Some((_, pair)) = &mut at_work else { continue };
            let times = condition.times(timestep, shape.latent_frames);
            let velocity = pair.velocity(&condition.input(&x)?, &times, &mut calls, watch, probe)?;
            x = schedule.step(step, &x, &velocity, &mut || noise.like(&dims))?;
            refuse_infinite(&x, step)?;
            probe.step(step, &x);
        }
        watch.progress(Stage::Denoise, schedule.len(), schedule.len());
        condition.output(&x)
    }

    /// Embeds what is asked for. What must not be shown matters only under guidance.
    fn words(&self, request: &Request, settings: &Settings, watch: &dyn Watch, probe: &mut dyn Probe) -> Result<Words> {
        let text = self.text(watch)?;
        let embed = |prompt: &str| text.embed(prompt, settings.text_length, watch);
        let negative = (settings.guidance > 1.0).then(|| embed(request.negative_prompt)).transpose()?;
        Ok(Words { prompt: embed(request.prompt)?, negative, view: condition::view(self, request, watch, probe)? })
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
