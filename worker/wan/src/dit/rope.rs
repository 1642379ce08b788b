//! Rotary position embedding over frame, row and column.

use std::sync::{Mutex, PoisonError};

use candle_core::{DType, Device, Tensor};
use candle_nn::rotary_emb::rope_i;

use super::patch::Grid;
use crate::error::{Error, Result};

/// The base of the angles' geometric series.
const BASE: f64 = 10000.0;

/// The angles of every token, as `[tokens, head/2]` each.
#[derive(Debug, Clone)]
pub(super) struct Rope {
    pub(super) cos: Tensor,
    pub(super) sin: Tensor,
}

impl Rope {
    /// The angles for a video of `grid` in heads of `head` channels. A head's channels are divided among the axes:
    /// twice `head / 6` for rows and for columns each, the rest for frames.
    fn new(grid: Grid, head: usize, device: &Device) -> candle_core::Result<Self> {
        let plane = 2 * (head / 6);
        let [frames, rows, columns] = [(grid.frames, head - 2 * plane), (grid.rows, plane), (grid.columns, plane)]
            .map(|(length, channels)| angles(length, channels));
        let mut all = Vec::with_capacity(grid.tokens() * head / 2);
        for frame in &frames {
            for row in &rows {
                for column in &columns {
                    all.extend(frame.iter().chain(row).chain(column));
                }
            }
        }
        let table = |of: fn(f64) -> f64| {
            let values: Vec<f32> = all.iter().map(|angle| of(*angle) as f32).collect();
            Tensor::from_vec(values, (grid.tokens(), head / 2), device)
        };
        Ok(Self { cos: table(f64::cos)?, sin: table(f64::sin)? })
    }

    /// Rotates neighbouring channels of `[tokens, heads, head]`, in f32 whatever the type is.
    pub(super) fn rotate(&self, x: &Tensor) -> candle_core::Result<Tensor> {
        let by_head = x.to_dtype(DType::F32)?.transpose(0, 1)?.contiguous()?.unsqueeze(0)?;
        rope_i(&by_head, &self.cos, &self.sin)?.squeeze(0)?.transpose(0, 1)?.contiguous()
    }
}

/// The angles at each of `length` positions along an axis that has `channels` of a head.
fn angles(length: usize, channels: usize) -> Vec<Vec<f64>> {
    let frequencies: Vec<f64> = (0..channels / 2).map(|pair| BASE.powf(-2.0 * pair as f64 / channels as f64)).collect();
    (0..length).map(|position| frequencies.iter().map(|frequency| position as f64 * frequency).collect()).collect()
}

/// Makes the angles of a video's size once for all steps of its render.
#[derive(Debug)]
pub(super) struct RopeCache {
    head: usize,
    longest: usize,
    last: Mutex<Option<(Grid, Rope)>>,
}

impl RopeCache {
    /// For heads of `head` channels, and positions below `longest` along each axis.
    pub(super) fn new(head: usize, longest: usize) -> Self {
        Self { head, longest, last: Mutex::new(None) }
    }

    /// The angles for a video of `grid`.
    ///
    /// # Errors
    /// [`Error::Rejected`] where an axis is longer than the model has positions.
    pub(super) fn get(&self, grid: Grid, device: &Device) -> Result<Rope> {
        for (axis, length) in [("frames", grid.frames), ("rows", grid.rows), ("columns", grid.columns)] {
            if length > self.longest {
                return Err(Error::Rejected(format!(
                    "the video has {length} {axis} of patches; this model allows {}",
                    self.longest
                )));
            }
        }
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, rope)) = last.as_ref().filter(|(of, _)| *of == grid) {
            return Ok(rope.clone());
        }
        let rope = Rope::new(grid, self.head, device)?;
        *last = Some((grid, rope.clone()));
        Ok(rope)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GRID: Grid = Grid { frames: 2, rows: 3, columns: 4 };

    #[test]
    fn each_axis_turns_its_own_channels() -> Result<()> {
        // Of 12 channels rows and columns have 4 each, and so have frames: 2 pairs, turning by 1 and 1/100.
        let rope = RopeCache::new(12, 4).get(GRID, &Device::Cpu)?;
        let last = rope.sin.get(23)?.to_vec1::<f32>()?;
        for (sin, angle) in last.iter().zip([1.0f32, 0.01, 2.0, 0.02, 3.0, 0.03]) {
            assert!((sin - angle.sin()).abs() < 1e-6, "{sin} is not the sine of {angle}");
        }
        Ok(())
    }

    #[test]
    fn neighbouring_channels_turn_into_each_other() -> Result<()> {
        let rope = RopeCache::new(12, 4).get(GRID, &Device::Cpu)?;
        let x = Tensor::randn(0f32, 1., (24, 2, 12), &Device::Cpu)?;
        let turned = rope.rotate(&x)?;
        assert_eq!(turned.get(0)?.to_vec2::<f32>()?, x.get(0)?.to_vec2::<f32>()?);
        let (x, y) = (x.get(12)?.get(1)?.to_vec1::<f32>()?, turned.get(12)?.get(1)?.to_vec1::<f32>()?);
        // Token 12 is the first of frame 1: its first pair turns by one radian, rows and columns do not turn.
        let (sin, cos) = 1f32.sin_cos();
        assert!((y[0] - (x[0] * cos - x[1] * sin)).abs() < 1e-6 && (y[1] - (x[0] * sin + x[1] * cos)).abs() < 1e-6);
        assert_eq!(y[4..], x[4..]);
        Ok(())
    }

    #[test]
    fn a_video_beyond_the_positions_is_rejected() {
        let cache = RopeCache::new(12, 3);
        assert!(matches!(cache.get(GRID, &Device::Cpu), Err(Error::Rejected(reason)) if reason.contains("4 columns")));
    }
}
