//! The residual block, and the block in the middle of encoder and decoder.

use candle_core::Tensor;

use crate::error::Result;

use super::attention::Attention;
use super::conv::{Causal, Conv};
use super::loader::Loader;
use super::norm::RmsNorm;
use super::shape::Shape;
use super::state::State;

/// Norm, SiLU and convolution twice, around a shortcut.
pub(super) struct ResBlock {
    norms: [RmsNorm; 2],
    convs: [Causal; 2],
    /// Where the number of channels changes.
    shortcut: Option<Conv>,
}

impl ResBlock {
    /// The block from `inputs` to `outputs` channels whose names begin at `at`.
    pub(super) fn load(at: &Loader<'_>, inputs: usize, outputs: usize) -> Result<Self> {
        let shortcut = || at.at("conv_shortcut").conv(Shape::pointwise(inputs, outputs));
        Ok(Self {
            norms: [at.at("norm1").norm(inputs)?, at.at("norm2").norm(outputs)?],
            convs: [at.at("conv1").causal(inputs, outputs)?, at.at("conv2").causal(outputs, outputs)?],
            shortcut: (inputs != outputs).then(shortcut).transpose()?,
        })
    }

    /// Goes over a chunk `[T, C, H, W]`.
    pub(super) fn forward(&self, x: &Tensor, state: &mut State<'_>) -> Result<Tensor> {
        state.watch.check()?;
        let y = self.convs[0].forward(&self.norms[0].silu(x)?, state)?;
        let y = self.norms[1].silu(&y)?;
        match &self.shortcut {
            None => self.convs[1].onto(x, &y, state),
            Some(shortcut) => self.convs[1].onto(&shortcut.images(x)?, &y, state),
        }
    }
}

/// Two residual blocks with attention between them, at the lowest resolution.
pub(super) struct Middle {
    blocks: [ResBlock; 2],
    attention: Attention,
}

impl Middle {
    /// The block whose names begin at `at`.
    pub(super) fn load(at: &Loader<'_>, channels: usize) -> Result<Self> {
        let block = |index: usize| ResBlock::load(&at.at("resnets").at(index), channels, channels);
        Ok(Self { blocks: [block(0)?, block(1)?], attention: Attention::load(&at.at("attentions").at(0), channels)? })
    }

    /// Goes over a chunk `[T, C, H, W]`.
    pub(super) fn forward(&self, x: &Tensor, state: &mut State<'_>) -> Result<Tensor> {
        let x = self.blocks[0].forward(x, state)?;
        let x = self.attention.forward(&x)?;
        self.blocks[1].forward(&x, state)
    }
}
