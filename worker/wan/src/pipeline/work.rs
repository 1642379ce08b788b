//! How much a render has to compute and to hold, known before it starts.

use candle_core::DType;

use super::model::Model;
use super::request::{Request, Settings, Shape, TEXT_LENGTH};
use super::room::{Room, Taken};
use crate::error::Result;
use crate::folder::{Folder, Part};
use crate::memory::{self, Estimate};
use crate::schedule::Schedule;
use crate::vae::Tiling;

/// The share of a device's memory that a model may plan with; the rest is for whatever else there is.
const PLANNED: f64 = 0.9;

/// What the transformer has to do for one video.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Work {
    /// Steps of the schedule.
    pub steps: usize,
    /// Calls of the transformer: one a step, two under guidance.
    pub forwards: usize,
    /// Tokens in each call.
    pub tokens: usize,
    /// Floating-point operations of all calls.
    pub flop: f64,
}

impl Model {
    /// What the transformer has to do for `request`.
    ///
    /// # Errors
    /// [`Error::Rejected`](crate::Error::Rejected) for what this model cannot render.
    pub fn work(&self, request: &Request, settings: &Settings) -> Result<Work> {
        let tokens = Shape::of(request, self.folder())?.tokens();
        let steps = Schedule::new(&self.folder().schedule, &settings.sampling)?.len();
        let forwards = if settings.guidance > 1.0 { 2 * steps } else { steps };
        let config = &self.folder().transformer;
        let flop = forwards as f64 * config.flops(tokens, settings.text_length);
        Ok(Work { steps, forwards, tokens, flop })
    }

    /// The most bytes that a render of such a video takes at a time, weights included.
    ///
    /// # Errors
    /// [`Error::Rejected`](crate::Error::Rejected) for what this model cannot render.
    pub fn peak_bytes(&self, request: &Request, settings: &Settings) -> Result<u64> {
        let shape = Shape::of(request, self.folder())?;
        let tiling = self.tiling(&shape, settings.tile)?;
        Ok(self.sizing().room(&shape, tiling).peak(self.kept(), &[]))
    }

    /// The tiles that a video is decoded in: those that were asked for, or else the largest that the device has memory for.
    /// That is its whole memory, so that the same request is decoded in the same tiles every time.
    pub(super) fn tiling(&self, shape: &Shape, tile: Option<usize>) -> Result<Option<Tiling>> {
        let Some(tile) = tile else { return Ok(self.sizing().tiling(shape, memory::total_bytes(self.device()))) };
        Tiling::of(tile).check(self.folder().vae.scale_factor_spatial)?;
        Ok(Some(Tiling::of(tile)))
    }

    /// Refuses a render that has no room beside what is loaded.
    pub(super) fn require_memory(&self, shape: &Shape, tiling: Option<Tiling>) -> Result<()> {
        let needed = self.sizing().room(shape, tiling).peak(self.kept(), &self.loaded());
        let what = format!("a video of {}x{} and {} frames", shape.width, shape.height, shape.frames);
        memory::require(&what, needed, self.device())
    }
}

/// What a model on a kind of device takes for videos of different sizes.
#[derive(Clone, Copy)]
pub(super) struct Sizing<'a> {
    pub(super) folder: &'a Folder,
    pub(super) estimate: &'a Estimate,
    pub(super) dtype: DType,
    pub(super) on_cpu: bool,
}

impl Sizing<'_> {
    /// The room that the components take while such a video is rendered.
    pub(super) fn room(&self, shape: &Shape, tiling: Option<Tiling>) -> Room {
        let work = |part| match part {
            Part::Transformer | Part::Transformer2 => self.denoise_bytes(shape),
            Part::Vae => self.decode_bytes(shape, tiling).max(self.encode_bytes(shape)),
            Part::TextEncoder | Part::ImageEncoder => 0,
        };
        Room::new(self.estimate.parts().iter().map(|(part, weights)| Taken {
            part: *part,
            weights: *weights,
            work: work(*part),
        }))
    }

    /// The tiles to decode in with so much memory: none if the whole fits, and none if the memory is not known.
    pub(super) fn tiling(&self, shape: &Shape, total_bytes: Option<u64>) -> Option<Tiling> {
        let memory = (total_bytes? as f64 * PLANNED) as u64;
        let smallest = Tiling::SIZES.last().map(|tile| Tiling::of(*tile));
        let weights = |only: Option<Part>| -> u64 {
            let parts = self.estimate.parts().iter().filter(|(part, _)| only.is_none_or(|only| only == *part));
            parts.map(|(_, bytes)| bytes).sum()
        };
        let everything_stays = weights(None) + self.decode_bytes(shape, smallest) <= memory;
        let beside = if everything_stays { weights(None) } else { weights(Some(Part::Vae)) };
        let fits = |tiling: &Option<Tiling>| beside + self.decode_bytes(shape, *tiling) <= memory;
        let sizes = Tiling::SIZES.map(|tile| Some(Tiling::of(tile)));
        std::iter::once(None).chain(sizes).find(fits).unwrap_or(smallest)
    }

    /// Bytes beside the weights of a transformer at work: it holds about ten times its rows, and the rows of one
    /// feed-forward block twice; for a prompt and what must not be shown, the keys and values of each block; and the scores of
    /// some queries where they are held.
    fn denoise_bytes(&self, shape: &Shape) -> u64 {
        const SCORES: u64 = 768 << 20;
        let config = &self.folder.transformer;
        let (d, numbers) = (config.inner_dim(), self.dtype.size_in_bytes());
        let rows = shape.tokens() * (10 * d + 2 * config.ffn_dim) * numbers;
        let context = 2 * config.num_layers * 2 * (TEXT_LENGTH + config.pos_embed_seq_len.unwrap_or(0)) * d * numbers;
        (rows + context) as u64 + if self.on_cpu { 0 } else { SCORES }
    }

    fn decode_bytes(&self, shape: &Shape, tiling: Option<Tiling>) -> u64 {
        self.folder.vae.decode_peak_bytes(shape.height, shape.width, DType::F32, tiling, self.on_cpu)
    }

    /// A model that takes an image in place of the first latent frame encodes one frame, others a whole video.
    fn encode_bytes(&self, shape: &Shape) -> u64 {
        let frames = match (self.folder.kind.takes_image(), self.folder.kind.needs_image()) {
            (false, _) => return 0,
            (true, false) => 1,
            (true, true) => shape.frames,
        };
        self.folder.vae.encode_peak_bytes(frames, shape.height, shape.width, DType::F32, self.on_cpu)
    }
}
