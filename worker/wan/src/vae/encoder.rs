//! The encoder: pixels down to latents.

use std::cell::Cell;

use candle_core::Tensor;

use crate::error::Result;

use super::block::{Middle, ResBlock};
use super::config::{Config, Level};
use super::conv::{Causal, Conv};
use super::loader::Loader;
use super::norm::RmsNorm;
use super::patch;
use super::resample::Down;
use super::shape::Shape;
use super::shortcut::{Factors, average};
use super::state::State;

/// The encoder of either architecture.
pub(super) struct Encoder {
    patch: usize,
    first: Causal,
    levels: Vec<Stage>,
    middle: Middle,
    norm: RmsNorm,
    last: Causal,
    /// The map to the latents' distribution: means, then logarithms of variances.
    quant: Conv,
    slots: usize,
}

struct Stage {
    blocks: Vec<ResBlock>,
    down: Option<Down>,
    /// Channels and factors of the shortcut, in Wan 2.2.
    shortcut: Option<(usize, Factors)>,
}

impl Encoder {
    /// The encoder of a file.
    pub(super) fn load(config: &Config, root: &Loader<'_>, slots: &Cell<usize>) -> Result<Self> {
        let at = root.at("encoder");
        let first = at.at("conv_in").causal(config.in_channels, config.encoder_first())?;
        let levels = config.encoder_levels();
        let top = levels.last().map_or(config.encoder_first(), |level| level.output);
        let levels = match config.is_residual {
            true => residual(&levels, &at)?,
            false => flat(&levels, &at)?,
        };
        Ok(Self {
            patch: config.patch(),
            first,
            levels,
            middle: Middle::load(&at.at("mid_block"), top)?,
            norm: at.at("norm_out").norm(top)?,
            last: at.at("conv_out").causal(top, 2 * config.z_dim)?,
            quant: root.at("quant_conv").conv(Shape::pointwise(2 * config.z_dim, 2 * config.z_dim))?,
            slots: slots.get(),
        })
    }

    /// Slots of the state of a pass.
    pub(super) fn slots(&self) -> usize {
        self.slots
    }

    /// The means `[T', z, h, w]` of a chunk of pixels `[T, 3, H, W]`.
    pub(super) fn forward(&self, pixels: &Tensor, state: &mut State<'_>) -> Result<Tensor> {
        let mut x = self.first.forward(&patch::fold(pixels, self.patch)?, state)?;
        for level in &self.levels {
            x = level.forward(x, state)?;
        }
        let x = self.norm.silu(&self.middle.forward(&x, state)?)?;
        let both = self.quant.images(&self.last.forward(&x, state)?)?;
        state.first = false;
        Ok(both.narrow(1, 0, both.dim(1)? / 2)?)
    }
}

impl Stage {
    fn forward(&self, x: Tensor, state: &mut State<'_>) -> Result<Tensor> {
        let shortcut = self.shortcut.map(|(outputs, factors)| average(&x, outputs, factors)).transpose()?;
        let mut x = x;
        for block in &self.blocks {
            x = block.forward(&x, state)?;
        }
        if let Some(down) = &self.down {
            x = down.forward(&x, state)?;
        }
        Ok(if let Some(shortcut) = shortcut { (x + shortcut)? } else { x })
    }
}

fn blocks(level: &Level, at: impl Fn(usize) -> String, root: &Loader<'_>) -> Result<Vec<ResBlock>> {
    let block = |index| {
        let inputs = if index == 0 { level.input } else { level.output };
        ResBlock::load(&root.at(at(index)), inputs, level.output)
    };
    (0..level.blocks).map(block).collect()
}

/// The levels of Wan 2.1, whose blocks and steps down are numbered through.
fn flat(levels: &[Level], root: &Loader<'_>) -> Result<Vec<Stage>> {
    let mut next = 0;
    let mut stages = Vec::new();
    for level in levels {
        let blocks = blocks(level, |index| format!("down_blocks.{}", next + index), root)?;
        next += blocks.len();
        let load = |resample| Down::load(&root.at("down_blocks").at(next), level.output, resample);
        let down = level.resample.map(load).transpose()?;
        next += usize::from(down.is_some());
        stages.push(Stage { blocks, down, shortcut: None });
    }
    Ok(stages)
}

/// The levels of Wan 2.2, each with a shortcut around it.
fn residual(levels: &[Level], root: &Loader<'_>) -> Result<Vec<Stage>> {
    let stage = |(number, level): (usize, &Level)| {
        let root = root.at("down_blocks").at(number);
        let load = |resample| Down::load(&root.at("downsampler"), level.output, resample);
        let factors = match level.resample {
            Some(resample) => Factors { frames: 1 + usize::from(resample.temporal), pixels: 2 },
            None => Factors { frames: 1, pixels: 1 },
        };
        Ok(Stage {
            blocks: blocks(level, |index| format!("resnets.{index}"), &root)?,
            down: level.resample.map(load).transpose()?,
            shortcut: Some((level.output, factors)),
        })
    };
    levels.iter().enumerate().map(stage).collect()
}
