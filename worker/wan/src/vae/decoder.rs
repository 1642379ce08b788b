//! The decoder: latents up to pixels.

use std::cell::Cell;

use candle_core::Tensor;

use crate::error::Result;

use super::block::{Middle, ResBlock};
use super::config::{Config, Level};
use super::conv::{Causal, Conv};
use super::loader::Loader;
use super::norm::RmsNorm;
use super::resample::Up;
use super::shape::Shape;
use super::shortcut::{Factors, repeat};
use super::state::State;

/// The decoder of either architecture.
pub(super) struct Decoder {
    /// The map from latents.
    quant: Conv,
    first: Causal,
    middle: Middle,
    levels: Vec<Stage>,
    norm: RmsNorm,
    last: Causal,
    slots: usize,
}

struct Stage {
    blocks: Vec<ResBlock>,
    up: Option<Up>,
    /// Channels and factors of the shortcut, in Wan 2.2.
    shortcut: Option<(usize, Factors)>,
}

impl Decoder {
    /// The decoder of a file.
    pub(super) fn load(config: &Config, root: &Loader<'_>, slots: &Cell<usize>) -> Result<Self> {
        let at = root.at("decoder");
        let levels = config.decoder_levels();
        let top = levels.last().map_or(config.decoder_first(), |level| level.output);
        let load =
            |(number, level): (usize, &Level)| Stage::load(level, config.is_residual, &at.at("up_blocks").at(number));
        Ok(Self {
            quant: root.at("post_quant_conv").conv(Shape::pointwise(config.z_dim, config.z_dim))?,
            first: at.at("conv_in").causal(config.z_dim, config.decoder_first())?,
            middle: Middle::load(&at.at("mid_block"), config.decoder_first())?,
            levels: levels.iter().enumerate().map(load).collect::<Result<_>>()?,
            norm: at.at("norm_out").norm(top)?,
            last: at.at("conv_out").causal(top, config.out_channels)?,
            slots: slots.get(),
        })
    }

    /// Slots of the state of a pass.
    pub(super) fn slots(&self) -> usize {
        self.slots
    }

    /// The frames of one latent frame `[1, z, h, w]`, with squares of pixels still folded into channels.
    pub(super) fn forward(&self, latents: &Tensor, state: &mut State<'_>) -> Result<Tensor> {
        let x = self.first.forward(&self.quant.images(latents)?, state)?;
        let mut x = self.middle.forward(&x, state)?;
        for level in &self.levels {
            x = level.forward(x, state)?;
        }
        let y = self.last.forward(&self.norm.silu(&x)?, state)?;
        state.first = false;
        Ok(y)
    }
}

impl Stage {
    fn load(level: &Level, residual: bool, at: &Loader<'_>) -> Result<Self> {
        let block = |index| {
            let inputs = if index == 0 { level.input } else { level.output };
            ResBlock::load(&at.at("resnets").at(index), inputs, level.output)
        };
        let blocks = (0..level.blocks).map(block).collect::<Result<_>>()?;
        let Some(resample) = level.resample else { return Ok(Self { blocks, up: None, shortcut: None }) };
        let name = if residual { "upsampler" } else { "upsamplers.0" };
        let factors = Factors { frames: 1 + usize::from(resample.temporal), pixels: 2 };
        Ok(Self {
            blocks,
            up: Some(Up::load(&at.at(name), level.output, resample)?),
            shortcut: residual.then_some((resample.output, factors)),
        })
    }

    fn forward(&self, x: Tensor, state: &mut State<'_>) -> Result<Tensor> {
        let input = self.shortcut.is_some().then(|| x.clone());
        let mut x = x;
        for block in &self.blocks {
            x = block.forward(&x, state)?;
        }
        if let Some(up) = &self.up {
            x = up.forward(&x, state)?;
        }
        match (input, self.shortcut) {
            (Some(input), Some((outputs, factors))) => Ok((x + repeat(&input, outputs, factors, state.first)?)?),
            _ => Ok(x),
        }
    }
}
