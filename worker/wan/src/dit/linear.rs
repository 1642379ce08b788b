//! Linear layers.

use candle_core::{Result, Tensor};
use candle_nn::VarBuilder;

use super::cpu::{self, Activation};

/// `x W^T + b`, with `W` as `[to, from]`.
#[derive(Debug)]
pub(super) struct Linear {
    weight: Tensor,
    bias: Tensor,
}

impl Linear {
    /// Reads `weight` and `bias`.
    pub(super) fn load(from: usize, to: usize, weights: &VarBuilder) -> Result<Self> {
        Ok(Self::new(weights.get((to, from), "weight")?, weights.get(to, "bias")?))
    }

    /// Of a weight `[to, from]` and a bias `[to]`.
    pub(super) fn new(weight: Tensor, bias: Tensor) -> Self {
        Self { weight, bias }
    }

    /// `[rows, from]` to `[rows, to]`, in the weight's type.
    pub(super) fn forward(&self, x: &Tensor) -> Result<Tensor> {
        self.activated(x, Activation::None)
    }

    /// As [`forward`](Self::forward), and the tanh form of GELU on top.
    pub(super) fn forward_gelu(&self, x: &Tensor) -> Result<Tensor> {
        self.activated(x, Activation::Gelu)
    }

    fn activated(&self, x: &Tensor, activation: Activation) -> Result<Tensor> {
        let y = x.matmul(&self.weight.t()?)?;
        if cpu::suits(&y) {
            cpu::finish(&y, &self.bias, activation)?;
            return Ok(y);
        }
        let y = y.broadcast_add(&self.bias)?;
        if activation == Activation::Gelu { y.gelu() } else { Ok(y) }
    }
}
