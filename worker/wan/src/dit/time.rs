//! The timestep: from a number to what every block scales, shifts and gates by.

use candle_core::{DType, Device, Tensor};
use candle_nn::VarBuilder;

use super::config::Config;
use super::linear::Linear;
use super::patch::Grid;
use crate::error::{Error, Result};

/// Consecutive latent frames that share a timestep.
///
/// Text-to-video has one run; where the first frame is given it is one of its own, at timestep zero.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Run {
    /// Latent frames.
    pub frames: usize,
    /// Their timestep, from 0 (clean) to 1000 (noise).
    pub timestep: f64,
}

impl Run {
    /// The tokens that each of `runs` has in a video of `grid`.
    ///
    /// # Errors
    /// [`Error::Rejected`] where the runs are not exactly the video's frames.
    pub(super) fn tokens(runs: &[Self], grid: Grid) -> Result<Vec<usize>> {
        let frames: usize = runs.iter().map(|run| run.frames).sum();
        if frames != grid.frames || runs.iter().any(|run| run.frames == 0) {
            return Err(Error::Rejected(format!(
                "timesteps are given for {frames} latent frames; there are {}",
                grid.frames
            )));
        }
        Ok(runs.iter().map(|run| run.frames * grid.frame()).collect())
    }
}

/// What the network learns of the timesteps, one row for each run, in f32.
#[derive(Debug)]
pub(super) struct Timing {
    /// For the head: `[runs, d]`.
    pub(super) head: Tensor,
    /// For the blocks: `[runs, 6, d]`.
    pub(super) blocks: Tensor,
}

/// Embeds timesteps.
#[derive(Debug)]
pub(super) struct TimeEmbedder {
    frequencies: Tensor,
    first: Linear,
    second: Linear,
    projection: Linear,
    dtype: DType,
}

impl TimeEmbedder {
    /// Reads `condition_embedder` from `exact`, and its large projection from `half`.
    pub(super) fn load(config: &Config, exact: &VarBuilder, half: &VarBuilder) -> candle_core::Result<Self> {
        let d = config.inner_dim();
        let embedder = exact.pp("time_embedder");
        Ok(Self {
            frequencies: frequencies(config.freq_dim / 2, exact.device())?,
            first: Linear::load(config.freq_dim, d, &embedder.pp("linear_1"))?,
            second: Linear::load(d, d, &embedder.pp("linear_2"))?,
            projection: Linear::load(d, 6 * d, &half.pp("time_proj"))?,
            dtype: half.dtype(),
        })
    }

    /// Embeds the timestep of each run.
    pub(super) fn forward(&self, runs: &[Run]) -> candle_core::Result<Timing> {
        let times: Vec<f32> = runs.iter().map(|run| run.timestep as f32).collect();
        let times = Tensor::from_vec(times, (runs.len(), 1), self.frequencies.device())?;
        let angles = times.broadcast_mul(&self.frequencies)?;
        let waves = Tensor::cat(&[angles.cos()?, angles.sin()?], 1)?;
        let head = self.second.forward(&self.first.forward(&waves)?.silu()?)?;
        let blocks = self.projection.forward(&head.to_dtype(self.dtype)?.silu()?)?;
        let blocks = blocks.to_dtype(DType::F32)?.reshape((runs.len(), 6, ()))?;
        Ok(Timing { head, blocks })
    }
}

/// A geometric series from 1 down to nearly 1/10000.
fn frequencies(count: usize, device: &Device) -> candle_core::Result<Tensor> {
    let decay = -(10000f64.ln() as f32);
    let values = (0..count).map(|i| (decay * i as f32 / count as f32).exp()).collect();
    Tensor::from_vec(values, (1, count), device)
}
