//! The changes of resolution between levels.

use candle_core::Tensor;

use crate::error::Result;

use super::config::Resample;
use super::conv::Conv;
use super::loader::Loader;
use super::shape::{Sampling, Shape};
use super::state::{Slot, State};

/// A convolution over frames, and the place of the frames that it remembers.
struct OverTime {
    conv: Conv,
    slot: Slot,
}

/// Doubles the rows and columns, and perhaps the frames.
pub(super) struct Up {
    time: Option<OverTime>,
    space: Conv,
}

impl Up {
    /// The step up from `channels` channels whose names begin at `at`.
    pub(super) fn load(at: &Loader<'_>, channels: usize, resample: Resample) -> Result<Self> {
        let time = || at.over_time(Shape::temporal(channels, 2 * channels));
        Ok(Self {
            time: resample.temporal.then(time).transpose()?,
            space: at.at("resample.1").conv_of_images(Shape::spatial(channels, resample.output, Sampling::Doubled))?,
        })
    }

    /// Goes over a chunk `[T, C, H, W]`. The first chunk of a video keeps its number of frames, and later ones go on as
    /// if they had not seen it.
    pub(super) fn forward(&self, x: &Tensor, state: &mut State<'_>) -> Result<Tensor> {
        match &self.time {
            Some(time) if !state.first => {
                let before = state.advance(time.slot, x, 2)?;
                let (frames, channels, rows, columns) = x.dims4()?;
                let both = time.conv.forward(&before, x, 1, None)?;
                self.space.images(&both.reshape((2 * frames, channels, rows, columns))?)
            }
            _ => self.space.images(x),
        }
    }
}

/// Halves the rows and columns, and perhaps the frames.
pub(super) struct Down {
    space: Conv,
    time: Option<OverTime>,
}

impl Down {
    /// The step down whose names begin at `at`.
    pub(super) fn load(at: &Loader<'_>, channels: usize, resample: Resample) -> Result<Self> {
        let time = || at.over_time(Shape::temporal(resample.output, resample.output));
        Ok(Self {
            space: at.at("resample.1").conv_of_images(Shape::spatial(channels, resample.output, Sampling::Halved))?,
            time: resample.temporal.then(time).transpose()?,
        })
    }

    /// Goes over a chunk `[T, C, H, W]`. The first chunk of a video, of one frame, keeps it.
    pub(super) fn forward(&self, x: &Tensor, state: &mut State<'_>) -> Result<Tensor> {
        let x = self.space.images(x)?;
        let Some(time) = &self.time else { return Ok(x) };
        let before = state.advance(time.slot, &x, 1)?;
        if state.first { Ok(x) } else { time.conv.forward(&before, &x, 2, None) }
    }
}

impl Loader<'_> {
    fn over_time(&self, shape: Shape) -> Result<OverTime> {
        Ok(OverTime { conv: self.at("time_conv").conv(shape)?, slot: self.slot() })
    }
}
