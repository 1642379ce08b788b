//! The whole network.

use std::ops::Range;
use std::sync::Arc;

use candle_core::{DType, Device, Tensor};
use candle_nn::VarBuilder;

use super::block::{Block, Pass};
use super::cache::StepCache;
use super::condition::{ImageEmbedder, TextEmbedder};
use super::config::Config;
use super::context::Context;
use super::cross_attention::KeyValues;
use super::linear::Linear;
use super::modulation::Modulation;
use super::patch::{Grid, patchify, unpatchify};
use super::rope::RopeCache;
use super::time::{Run, TimeEmbedder};
use crate::error::{Error, Result};
use crate::watch::{Stage, Watch};
use crate::weights::Weights;

/// A diffusion transformer, ready to run.
#[derive(Debug)]
pub struct Transformer {
    config: Config,
    patch: Linear,
    time: TimeEmbedder,
    text: TextEmbedder,
    image: Option<ImageEmbedder>,
    blocks: Vec<Block>,
    table: Tensor,
    head: Linear,
    rope: RopeCache,
    dtype: DType,
    device: Device,
    /// What the contexts that it made know it by.
    identity: Arc<()>,
}

/// What a forward pass is given.
#[derive(Debug, Clone, Copy)]
pub struct Inputs<'a> {
    /// Latents `[1, C, T, H, W]`, with the mask and condition of image-to-video models behind the noise channels.
    pub latents: &'a Tensor,
    /// The timesteps of the `T` latent frames.
    pub times: &'a [Run],
    /// What to attend to.
    pub context: &'a Context,
}

impl Transformer {
    /// Reads a transformer onto `device`: matrices as `dtype`; the time embedder, tables and norms in f32.
    ///
    /// # Errors
    /// A setting that is not supported, a tensor that is missing or of another shape, [`Error::Stopped`].
    pub fn load(weights: &Weights, config: &Config, dtype: DType, device: &Device, watch: &dyn Watch) -> Result<Self> {
        config.check().map_err(|unsupported| unsupported.within(weights.folder().join("config.json")))?;
        let (exact, half) = (weights.builder(DType::F32, device), weights.builder(dtype, device));
        let mut blocks = Vec::with_capacity(config.num_layers);
        for i in 0..config.num_layers {
            watch.check()?;
            watch.progress(Stage::Load, i, config.num_layers);
            blocks.push(Block::load(config, &exact.pp("blocks").pp(i), &half.pp("blocks").pp(i))?);
        }
        let transformer = Self::around(blocks, config, &exact, &half)?;
        watch.progress(Stage::Load, config.num_layers, config.num_layers);
        Ok(transformer)
    }

    /// Reads everything but the blocks.
    fn around(blocks: Vec<Block>, config: &Config, exact: &VarBuilder, half: &VarBuilder) -> Result<Self> {
        let d = config.inner_dim();
        let (exact_condition, half_condition) = (exact.pp("condition_embedder"), half.pp("condition_embedder"));
        let image = match config.image_dim {
            Some(channels) => Some(ImageEmbedder::load(config, channels, &exact_condition, &half_condition)?),
            None => None,
        };
        let patch = half.pp("patch_embedding");
        let kernel = patch.get((d, config.in_channels, 1, 2, 2), "weight")?.flatten_from(1)?;
        Ok(Self {
            patch: Linear::new(kernel, patch.get(d, "bias")?),
            time: TimeEmbedder::load(config, &exact_condition, &half_condition)?,
            text: TextEmbedder::load(config, &half_condition)?,
            image,
            blocks,
            table: exact.get((1, 2, d), "scale_shift_table")?,
            head: Linear::load(d, 4 * config.out_channels, &half.pp("proj_out"))?,
            rope: RopeCache::new(config.attention_head_dim, config.rope_max_seq_len),
            config: config.clone(),
            dtype: half.dtype(),
            device: half.device().clone(),
            identity: Arc::new(()),
        })
    }

    /// The network's configuration.
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// The type of the matrices.
    pub fn dtype(&self) -> DType {
        self.dtype
    }

    /// Where the weights are.
    pub fn device(&self) -> &Device {
        &self.device
    }

    /// Prepares what a render attends to: the text encoder's output `[1, rows, text_dim]`, padded with zeros to the
    /// model's length, and the image encoder's `[1, rows, image_dim]` (both images' rows in one where there are two).
    ///
    /// # Errors
    /// [`Error::Rejected`] for an image that the model does not take or that is missing, or rows of another size.
    pub fn context(&self, text: &Tensor, image: Option<&Tensor>) -> Result<Context> {
        let text = self.rows("the prompt's embedding", text, self.config.text_dim, None)?;
        let text = self.text.forward(&text)?;
        let image = match (&self.image, self.config.image_dim, image) {
            (Some(embedder), Some(channels), Some(image)) => {
                let rows = self.rows("the image's embedding", image, channels, self.config.pos_embed_seq_len)?;
                Some(embedder.forward(&rows)?)
            }
            (None, _, None) => None,
            (_, _, None) => return Err(Error::Rejected("this model needs an image's embedding".into())),
            _ => return Err(Error::Rejected("this model takes no image's embedding".into())),
        };
        let blocks = self.blocks.iter().map(|block| block.key_values(&text, image.as_ref()));
        Ok(Context { blocks: blocks.collect::<candle_core::Result<_>>()?, of: self.identity.clone() })
    }

    /// `[rows, channels]` of `[1, rows, channels]`, where the weights are and in the matrices' type.
    fn rows(&self, what: &str, x: &Tensor, channels: usize, rows: Option<usize>) -> Result<Tensor> {
        match *x.dims() {
            [1, given, width] if width == channels && given > 0 && rows.is_none_or(|rows| rows == given) => {
                Ok(x.squeeze(0)?.to_device(&self.device)?.to_dtype(self.dtype)?.contiguous()?)
            }
            _ => {
                let rows = rows.map_or("any number of".into(), |rows| rows.to_string());
                Err(Error::Rejected(format!(
                    "{what} has shape {:?}; this model takes one of {rows} rows of {channels}",
                    x.dims()
                )))
            }
        }
    }

    /// Predicts the velocity of the flow, `noise - video`: `[1, out_channels, T, H, W]`, in f32.
    ///
    /// # Errors
    /// [`Error::Rejected`] for latents or timesteps of another size than the model's, or a context that another
    /// transformer made; [`Error::Stopped`].
    pub fn forward(&self, inputs: &Inputs, cache: Option<&mut StepCache>, watch: &dyn Watch) -> Result<Tensor> {
        self.forward_traced(inputs, cache, watch, &mut |_, _| ())
    }

    /// As [`forward`](Self::forward), and shows `trace` each block's number and its output `[tokens, d]`.
    ///
    /// # Errors
    /// As [`forward`](Self::forward).
    pub fn forward_traced(
        &self,
        inputs: &Inputs,
        cache: Option<&mut StepCache>,
        watch: &dyn Watch,
        trace: &mut dyn FnMut(usize, &Tensor),
    ) -> Result<Tensor> {
        if !Arc::ptr_eq(&inputs.context.of, &self.identity) {
            return Err(Error::Rejected("the context was made by another transformer".into()));
        }
        let grid = self.grid(inputs.latents)?;
        let tokens = Run::tokens(inputs.times, grid)?;
        let timing = self.time.forward(inputs.times)?;
        let pass = Pass { timing: timing.blocks, tokens, rope: self.rope.get(grid, &self.device)? };
        let patches = patchify(inputs.latents, grid)?.to_device(&self.device)?.to_dtype(self.dtype)?;
        let x = self.patch.forward(&patches)?;
        let blocks = self.blocks.iter().zip(&inputs.context.blocks).enumerate().collect();
        let x = Walk { blocks, pass: &pass, watch, trace }.cached(&x, cache)?;
        let table = self.table.broadcast_add(&timing.head.unsqueeze(1)?)?;
        let x = Modulation::new(&table, 0, &pass.tokens)?.norm(&x, self.config.eps)?;
        Ok(unpatchify(&self.head.forward(&x)?.to_dtype(DType::F32)?, grid)?)
    }

    /// The patches of `latents`.
    fn grid(&self, latents: &Tensor) -> Result<Grid> {
        let channels = self.config.in_channels;
        let even = |length: usize| length > 0 && length.is_multiple_of(2);
        match *latents.dims() {
            [1, given, frames, height, width] if given == channels && frames > 0 && even(height) && even(width) => {
                Ok(Grid { frames, rows: height / 2, columns: width / 2 })
            }
            _ => Err(Error::Rejected(format!(
                "the latents have shape {:?}; this model takes [1, {channels}, frames, height, width] with even height and width",
                latents.dims()
            ))),
        }
    }
}

/// The way through the blocks.
struct Walk<'a> {
    blocks: Vec<(usize, (&'a Block, &'a KeyValues))>,
    pass: &'a Pass,
    watch: &'a dyn Watch,
    trace: &'a mut dyn FnMut(usize, &Tensor),
}

impl Walk<'_> {
    /// Passes tokens through all blocks, or where `cache` knows what they would add, through the first only.
    fn cached(&mut self, x: &Tensor, cache: Option<&mut StepCache>) -> Result<Tensor> {
        let all = self.blocks.len();
        let Some(cache) = cache else { return self.through(0..all, x.clone()) };
        let first = self.through(0..1, x.clone())?;
        if let Some(rest) = cache.recall(x, &first)? {
            return Ok((first + rest)?);
        }
        let end = self.through(1..all, first.clone())?;
        cache.store(x, &first, &end)?;
        Ok(end)
    }

    /// Passes tokens through some blocks.
    fn through(&mut self, range: Range<usize>, mut x: Tensor) -> Result<Tensor> {
        for (i, (block, context)) in &self.blocks[range] {
            self.watch.check()?;
            x = block.forward(&x, self.pass, context)?;
            (self.trace)(*i, &x);
        }
        Ok(x)
    }
}
