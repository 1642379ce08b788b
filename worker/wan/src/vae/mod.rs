//! The autoencoder: videos to latents and back, in chunks of a few frames.
//!
//! Every convolution over time looks backwards only, so a video of any length passes through chunk by chunk, and what a
//! layer needs of earlier chunks is kept in the state of that pass. The first chunk is one frame, each later one as many
//! as make one latent frame. Within the module a chunk is `[T, C, H, W]`: the batch is always one, and time takes its axis.

mod attention;
mod block;
pub mod config;
mod conv;
mod cpu;
mod decoder;
mod encoder;
mod estimate;
mod loader;
mod norm;
mod patch;
mod resample;
mod shape;
mod shortcut;
mod state;
mod tiling;

use std::cell::Cell;

use candle_core::{DType, Device, Tensor};

use crate::error::{Error, Result};
use crate::watch::{Stage, Watch};
use crate::weights::Weights;

pub use config::Config;
pub use tiling::Tiling;

use decoder::Decoder;
use encoder::Encoder;
use loader::Loader;
use state::State;
use tiling::{Blend, Tile};

/// The autoencoder of Wan 2.1 or 2.2. Nothing in it changes after loading.
pub struct Vae {
    config: Config,
    dtype: DType,
    encoder: Encoder,
    decoder: Decoder,
    /// Mean and standard deviation of each latent channel, `[1, z, 1, 1]`, in f32.
    mean: Tensor,
    deviation: Tensor,
}

impl Vae {
    /// Reads the weights, which are then `dtype` on `device`. On the CPU f32 is the only type that is fast, and f32 is what
    /// the published models were trained in.
    ///
    /// # Errors
    /// [`Error::Folder`] for a configuration that is not supported, [`Error::Tensor`] for a tensor that is missing or of
    /// another shape, [`Error::Stopped`].
    pub fn load(weights: &Weights, config: &Config, dtype: DType, device: &Device, watch: &dyn Watch) -> Result<Self> {
        config.check().map_err(|unsupported| unsupported.within(weights.folder().join("config.json")))?;
        let builder = weights.builder(dtype, device);
        let channels = |values: &[f64]| -> Result<Tensor> {
            let values: Vec<f32> = values.iter().map(|&value| value as f32).collect();
            Ok(Tensor::from_vec(values, (1, config.z_dim, 1, 1), device)?)
        };
        let slots = Cell::new(0);
        let encoder = Encoder::load(config, &Loader::new(builder.clone(), &slots, watch), &slots)?;
        slots.set(0);
        let decoder = Decoder::load(config, &Loader::new(builder, &slots, watch), &slots)?;
        let (mean, deviation) = (channels(config.latents_mean())?, channels(config.latents_std())?);
        Ok(Self { config: config.clone(), dtype, encoder, decoder, mean, deviation })
    }

    /// The configuration that it was loaded with.
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// The latents of a video, normalised as the transformer wants them: f32, `[1, z, T, h, w]`.
    ///
    /// `frame` is asked for each of the `frames` once and in order, `[1, 3, H, W]` between -1 and 1. Only those of one chunk
    /// are in memory.
    ///
    /// # Errors
    /// [`Error::Rejected`] for a number of frames, or of rows or columns, that does not become whole latents; what `frame`
    /// fails with; [`Error::Stopped`]; [`Error::Tensor`].
    pub fn encode(
        &self,
        frames: usize,
        frame: &mut dyn FnMut(usize) -> Result<Tensor>,
        watch: &dyn Watch,
    ) -> Result<Tensor> {
        let normalise = |mean: Tensor| Ok(mean.broadcast_sub(&self.mean)?.broadcast_div(&self.deviation)?);
        self.encode_chunks(frames, frame, watch, &normalise)
    }

    /// The means as they leave the encoder: f32, `[1, z, T, h, w]`.
    ///
    /// # Errors
    /// As [`Vae::encode`].
    pub fn encode_mean(
        &self,
        frames: usize,
        frame: &mut dyn FnMut(usize) -> Result<Tensor>,
        watch: &dyn Watch,
    ) -> Result<Tensor> {
        self.encode_chunks(frames, frame, watch, &Ok)
    }

    fn encode_chunks(
        &self,
        frames: usize,
        frame: &mut dyn FnMut(usize) -> Result<Tensor>,
        watch: &dyn Watch,
        finish: &dyn Fn(Tensor) -> Result<Tensor>,
    ) -> Result<Tensor> {
        let step = self.config.scale_factor_temporal;
        if frames % step != 1 % step {
            return Err(Error::Rejected(format!("{frames} frames: one more than a multiple of {step} is allowed")));
        }
        let mut state = State::new(self.encoder.slots(), watch);
        let starts = std::iter::once(0).chain((1..frames).step_by(step));
        let total = (frames - 1) / step + 1;
        let mut means = Vec::with_capacity(total);
        for (done, start) in starts.enumerate() {
            watch.check()?;
            let end = if start == 0 { 1 } else { start + step };
            let chunk = (start..end).map(|index| self.pixels(frame(index)?)).collect::<Result<Vec<_>>>()?;
            let mean = self.encoder.forward(&Tensor::cat(&chunk, 0)?, &mut state)?;
            means.push(finish(mean.to_dtype(DType::F32)?)?);
            watch.progress(Stage::Encode, done + 1, total);
        }
        Ok(Tensor::cat(&means, 0)?.transpose(0, 1)?.unsqueeze(0)?.contiguous()?)
    }

    /// A frame that is to be encoded, in the type and on the device of the weights.
    fn pixels(&self, frame: Tensor) -> Result<Tensor> {
        let (_, _, rows, columns) = frame.dims4()?;
        let scale = self.config.scale_factor_spatial;
        if !rows.is_multiple_of(scale) || !columns.is_multiple_of(scale) {
            return Err(Error::Rejected(format!(
                "a frame of {columns}x{rows} pixels: multiples of {scale} are allowed"
            )));
        }
        Ok(frame.to_device(self.mean.device())?.to_dtype(self.dtype)?.contiguous()?)
    }

    /// The frames of normalised latents `[1, z, T, h, w]`: `out` gets those of each latent frame when they are done, f32,
    /// `[n, 3, H, W]` between -1 and 1.
    ///
    /// With `tiling`, each latent frame is decoded tile by tile, with a state for each tile.
    ///
    /// # Errors
    /// [`Error::Rejected`] for a tiling that does not fit the latents, what `out` fails with, [`Error::Stopped`],
    /// [`Error::Tensor`].
    pub fn decode(
        &self,
        latents: &Tensor,
        tiling: Option<Tiling>,
        watch: &dyn Watch,
        out: &mut dyn FnMut(Tensor) -> Result<()>,
    ) -> Result<()> {
        let (_, _, frames, rows, columns) = latents.dims5()?;
        let rows = Tiling::tiles(tiling, (rows, columns), self.config.scale_factor_spatial)?;
        let state = |_: &Tile| State::new(self.decoder.slots(), watch);
        let mut states: Vec<Vec<State<'_>>> = rows.iter().map(|row| row.iter().map(state).collect()).collect();
        let tiling = tiling.filter(|_| states.iter().flatten().count() > 1);
        for frame in 0..frames {
            let latent =
                latents.narrow(2, frame, 1)?.squeeze(2)?.to_device(self.mean.device())?.to_dtype(DType::F32)?;
            let latent = latent.broadcast_mul(&self.deviation)?.broadcast_add(&self.mean)?.to_dtype(self.dtype)?;
            let mut blend = Blend::new(tiling, self.config.patch());
            let mut bands = Vec::with_capacity(rows.len());
            for (row, states) in rows.iter().zip(&mut states) {
                bands.push(blend.row(self.decode_row(&latent, row, states)?)?);
            }
            let whole = patch::unfold(&Tensor::cat(&bands, 2)?, self.config.patch())?;
            out(whole.to_dtype(DType::F32)?.clamp(-1_f32, 1_f32)?)?;
            watch.progress(Stage::Decode, frame + 1, frames);
        }
        Ok(())
    }

    /// The frames of a row of tiles of one latent frame `[1, z, h, w]`.
    fn decode_row(&self, latent: &Tensor, row: &[Tile], states: &mut [State<'_>]) -> Result<Vec<Tensor>> {
        let decode = |(tile, state): (&Tile, &mut State<'_>)| {
            state.watch.check()?;
            let rows = latent.narrow(2, tile.rows.start, tile.rows.len())?;
            let part = rows.narrow(3, tile.columns.start, tile.columns.len())?;
            self.decoder.forward(&part.contiguous()?, state)
        };
        row.iter().zip(states).map(decode).collect()
    }
}
