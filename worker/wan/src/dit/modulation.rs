//! Adaptive layer norm: what a timestep does to the tokens on their way into and out of a sub-layer.

use candle_core::{DType, Result, Tensor};

use super::norm::layer_norm;

/// Scale, shift and gate of one sub-layer: for each run of tokens one vector `[d]` in f32.
#[derive(Debug)]
pub(super) struct Modulation<'a> {
    tokens: &'a [usize],
    shift: Vec<Tensor>,
    scale: Vec<Tensor>,
    gate: Vec<Tensor>,
}

impl<'a> Modulation<'a> {
    /// Takes rows `first` (shift), `first + 1` (scale) and, where there is one, `first + 2` (gate) of `table`
    /// `[runs, rows, d]`; `tokens` says how many tokens each run has.
    pub(super) fn new(table: &Tensor, first: usize, tokens: &'a [usize]) -> Result<Self> {
        let mut modulation = Self { tokens, shift: Vec::new(), scale: Vec::new(), gate: Vec::new() };
        for run in 0..tokens.len() {
            let rows = table.get(run)?;
            modulation.shift.push(rows.get(first)?);
            modulation.scale.push((rows.get(first + 1)? + 1.0)?);
            if first + 2 < rows.dim(0)? {
                modulation.gate.push(rows.get(first + 2)?);
            }
        }
        Ok(modulation)
    }

    /// `LN(x) * (1 + scale) + shift` of `[tokens, d]`.
    pub(super) fn norm(&self, x: &Tensor, eps: f64) -> Result<Tensor> {
        self.by_run(x, |x, run, _| layer_norm(x, &self.scale[run], &self.shift[run], eps))
    }

    /// `x + gate * y` of `[tokens, d]`, summed in f32.
    pub(super) fn add(&self, x: &Tensor, y: &Tensor) -> Result<Tensor> {
        self.by_run(x, |x, run, start| {
            let gated = y.narrow(0, start, x.dim(0)?)?.to_dtype(DType::F32)?.broadcast_mul(&self.gate[run])?;
            (x.to_dtype(DType::F32)? + gated)?.to_dtype(x.dtype())
        })
    }

    /// Joins what `of` makes of each run's tokens, their run and the first one's place.
    fn by_run(&self, x: &Tensor, of: impl Fn(&Tensor, usize, usize) -> Result<Tensor>) -> Result<Tensor> {
        if self.tokens.len() == 1 {
            return of(x, 0, 0);
        }
        let mut start = 0;
        let mut parts = Vec::with_capacity(self.tokens.len());
        for (run, count) in self.tokens.iter().enumerate() {
            parts.push(of(&x.narrow(0, start, *count)?, run, start)?);
            start += count;
        }
        Tensor::cat(&parts, 0)
    }
}
