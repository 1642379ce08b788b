//! A model folder on a device: its components, loaded when they are first needed.

use std::path::PathBuf;
use std::sync::Arc;

use candle_core::{DType, Device};

use super::request::{Shape, Video};
use super::room::{Room, Taken};
use super::shelf::Shelf;
use super::work::Sizing;
use crate::clip::Vision;
use crate::dit::Transformer;
use crate::error::{Error, Result};
use crate::folder::{Folder, Part};
use crate::lora::Lora;
use crate::memory::{self, Estimate};
use crate::text::{Embeddings, TextEncoder};
use crate::vae::Vae;
use crate::watch::Watch;
use crate::weights::Weights;

/// One of the two transformers of a model with experts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Expert {
    /// For the first, noisy steps; in models without experts the only one.
    High,
    /// For the last steps.
    Low,
}

/// Weights to merge into a transformer.
#[derive(Debug, Clone, PartialEq)]
pub struct LoraFile {
    /// A safetensors file.
    pub file: PathBuf,
    /// How strongly.
    pub strength: f64,
    /// Into which expert; `None` means all that there are.
    pub expert: Option<Expert>,
}

/// Where and as what a model is loaded.
#[derive(Debug, Clone)]
pub struct Options {
    /// The device that computes.
    pub device: Device,
    /// What the matrices of the transformer and the text encoder are kept as: f32 on a CPU, bf16 on a GPU.
    pub dtype: DType,
    /// What is merged into the transformers.
    pub loras: Vec<LoraFile>,
    /// The largest videos that will be asked for: room is left for their tensors.
    pub videos: Vec<Video>,
}

impl Options {
    /// The type of numbers that suits a device.
    pub fn on(device: Device) -> Self {
        let dtype = if device.is_cpu() { DType::F32 } else { DType::BF16 };
        Self { device, dtype, loras: Vec::new(), videos: Vec::new() }
    }
}

fn sizing<'a>(folder: &'a Folder, estimate: &'a Estimate, options: &Options) -> Sizing<'a> {
    Sizing { folder, estimate, dtype: options.dtype, on_cpu: options.device.is_cpu() }
}

/// The components that stay loaded whichever of the videos is asked for.
pub(super) fn kept(
    folder: &Folder,
    estimate: &Estimate,
    options: &Options,
    total_bytes: Option<u64>,
    free_bytes: u64,
) -> Result<Vec<Part>> {
    let mut kept: Vec<Part> = estimate.parts().iter().map(|(part, _)| *part).collect();
    let weights_alone =
        estimate.parts().iter().map(|(part, weights)| Taken { part: *part, weights: *weights, work: 0 });
    let mut rooms = vec![("one component at a time".to_owned(), Room::new(weights_alone))];
    let sizing = sizing(folder, estimate, options);
    for video in &options.videos {
        let shape = Shape::sized(video, folder)?;
        let what = format!("one component at a time, and a video of {}x{}", video.width, video.height);
        rooms.push((what, sizing.room(&shape, sizing.tiling(&shape, total_bytes))));
    }
    for (what, room) in rooms {
        let needed_bytes = room.peak(&[], &[]);
        if needed_bytes > free_bytes {
            let what = format!("{} with {what}", folder.root.display());
            return Err(Error::Memory { what, needed_bytes, free_bytes });
        }
        let fits = room.kept_within(free_bytes);
        kept.retain(|part| fits.contains(part));
    }
    Ok(kept)
}

/// A model that renders.
pub struct Model {
    folder: Folder,
    options: Options,
    estimate: Estimate,
    kept: Vec<Part>,
    pub(super) embeddings: Embeddings,
    text: Shelf<TextEncoder>,
    vision: Shelf<Vision>,
    high: Shelf<Transformer>,
    low: Shelf<Transformer>,
    vae: Shelf<Vae>,
}

impl Model {
    /// Looks a folder through and decides what can stay loaded; weights are read when a render first needs them.
    ///
    /// # Errors
    /// [`Error::Folder`] for a folder or a LoRA that cannot be used, [`Error::Rejected`] for a video that the model cannot
    /// render, [`Error::Memory`] when not even one component at a time has room.
    pub fn open(folder: Folder, options: Options) -> Result<Self> {
        let estimate = Estimate::of(&folder, options.dtype, options.device.is_cpu())?;
        let free_bytes = memory::free_bytes(&options.device).unwrap_or(u64::MAX);
        let kept = kept(&folder, &estimate, &options, memory::total_bytes(&options.device), free_bytes)?;
        let keeps = |part: Part| kept.contains(&part);
        let model = Self {
            text: Shelf::new(keeps(Part::TextEncoder)),
            vision: Shelf::new(keeps(Part::ImageEncoder)),
            high: Shelf::new(keeps(Part::Transformer)),
            low: Shelf::new(keeps(Part::Transformer2)),
            vae: Shelf::new(keeps(Part::Vae)),
            embeddings: Embeddings::default(),
            folder,
            options,
            estimate,
            kept,
        };
        for expert in model.experts() {
            model.transformer_weights(*expert)?;
        }
        Ok(model)
    }

    /// What the folder says.
    pub fn folder(&self) -> &Folder {
        &self.folder
    }

    /// Where it computes.
    pub fn device(&self) -> &Device {
        &self.options.device
    }

    /// What the transformers' matrices are kept as.
    pub fn dtype(&self) -> DType {
        self.options.dtype
    }

    /// What its parts take.
    pub fn estimate(&self) -> &Estimate {
        &self.estimate
    }

    /// The components that stay loaded; the others are read when they are needed and dropped after that.
    pub fn kept(&self) -> &[Part] {
        &self.kept
    }

    /// The components that are loaded.
    pub(super) fn loaded(&self) -> Vec<Part> {
        let shelves = [
            (Part::TextEncoder, self.text.is_filled()),
            (Part::ImageEncoder, self.vision.is_filled()),
            (Part::Transformer, self.high.is_filled()),
            (Part::Transformer2, self.low.is_filled()),
            (Part::Vae, self.vae.is_filled()),
        ];
        shelves.into_iter().filter(|(_, filled)| *filled).map(|(part, _)| part).collect()
    }

    pub(super) fn sizing(&self) -> Sizing<'_> {
        sizing(&self.folder, &self.estimate, &self.options)
    }

    /// The transformers that there are.
    pub(super) fn experts(&self) -> &'static [Expert] {
        if self.folder.kind.has_experts() { &[Expert::High, Expert::Low] } else { &[Expert::High] }
    }

    pub(crate) fn text(&self, watch: &dyn Watch) -> Result<Arc<TextEncoder>> {
        let Options { device, dtype, .. } = &self.options;
        self.text.take(|| {
            let weights = self.folder.weights(Part::TextEncoder)?;
            TextEncoder::load(&self.folder.root, &weights, &self.folder.text, *dtype, device, watch)
        })
    }

    /// The image encoder of models that have one. It computes in f32: it is small, and its output steers everything.
    pub(crate) fn vision(&self, watch: &dyn Watch) -> Result<Option<Arc<Vision>>> {
        let Some((config, _)) = &self.folder.vision else { return Ok(None) };
        let load = || Vision::load(&self.folder.weights(Part::ImageEncoder)?, config, DType::F32, self.device(), watch);
        self.vision.take(load).map(Some)
    }

    pub(crate) fn transformer(&self, expert: Expert, watch: &dyn Watch) -> Result<Arc<Transformer>> {
        let (shelf, config) = match expert {
            Expert::High => (&self.high, &self.folder.transformer),
            Expert::Low => (&self.low, self.folder.transformer_2.as_ref().unwrap_or(&self.folder.transformer)),
        };
        let Options { device, dtype, .. } = &self.options;
        shelf.take(|| Transformer::load(&self.transformer_weights(expert)?, config, *dtype, device, watch))
    }

    /// The autoencoder, in f32 as its authors advise.
    pub(crate) fn vae(&self, watch: &dyn Watch) -> Result<Arc<Vae>> {
        self.vae
            .take(|| Vae::load(&self.folder.weights(Part::Vae)?, &self.folder.vae, DType::F32, self.device(), watch))
    }

    /// A transformer's weights with all that is merged into them.
    fn transformer_weights(&self, expert: Expert) -> Result<Weights> {
        let part = match expert {
            Expert::Low if self.folder.kind.has_experts() => Part::Transformer2,
            _ => Part::Transformer,
        };
        let meant = |lora: &&LoraFile| lora.expert.is_none_or(|meant| meant == expert);
        let weights = self.folder.weights(part)?;
        let mut loras = self.options.loras.iter().filter(meant);
        loras.try_fold(weights, |weights, lora| weights.with_lora(Lora::open(&lora.file, lora.strength)?))
    }
}
