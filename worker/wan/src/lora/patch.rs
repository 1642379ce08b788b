//! The change to one tensor.

use std::collections::BTreeMap;

use candle_core::{DType, Tensor};
use candle_nn::var_builder::SimpleBackend;

use super::names::Part;
use crate::weights::Weights;

/// The names of the tensors of a LoRA file that change one tensor of the model.
#[derive(Default)]
pub(super) struct Patch {
    down: Option<String>,
    up: Option<String>,
    alpha: Option<String>,
    difference: Option<String>,
}

impl Patch {
    /// Where the name of the tensor that plays this part is kept.
    pub(super) fn part(&mut self, part: Part) -> &mut Option<String> {
        match part {
            Part::Down => &mut self.down,
            Part::Up => &mut self.up,
            Part::Alpha => &mut self.alpha,
            Part::Difference => &mut self.difference,
        }
    }

    /// Whether it is a pair, a difference, or both.
    pub(super) fn is_whole(&self) -> bool {
        self.down.is_some() == self.up.is_some()
            && (self.up.is_some() || (self.difference.is_some() && self.alpha.is_none()))
    }

    /// The first tensor whose shape among `shapes` does not fit a tensor of shape `target`.
    pub(super) fn misfit(&self, target: &[usize], shapes: &BTreeMap<String, Vec<usize>>) -> Option<&str> {
        let shape = |name: &str| shapes.get(name).map(Vec::as_slice).unwrap_or_default();
        let rank = self.down.as_deref().map_or(0, |name| matrix(shape(name)).0);
        let (height, width) = matrix(target);
        let fits = |part: &Part, own: &[usize]| match part {
            Part::Down => rank > 0 && matrix(own) == (rank, width),
            Part::Up => matrix(own) == (height, rank),
            Part::Alpha => own.iter().product::<usize>() == 1,
            Part::Difference => own == target,
        };
        [
            (Part::Down, &self.down),
            (Part::Up, &self.up),
            (Part::Alpha, &self.alpha),
            (Part::Difference, &self.difference),
        ]
        .iter()
        .filter_map(|(part, name)| Some((part, name.as_deref()?)))
        .find_map(|(part, name)| (!fits(part, shape(name))).then_some(name))
    }

    /// `tensor` + strength * (alpha / rank * up down + difference), in f32.
    pub(super) fn merge(&self, tensor: &Tensor, weights: &Weights, strength: f64) -> candle_core::Result<Tensor> {
        let read = |name: &String| weights.get_unchecked(name, DType::F32, tensor.device());
        let mut merged = tensor.to_dtype(DType::F32)?;
        if let (Some(down), Some(up)) = (&self.down, &self.up) {
            let (down, up) = (read(down)?.flatten_from(1)?, read(up)?.flatten_from(1)?);
            let scale = match &self.alpha {
                Some(alpha) => f64::from(read(alpha)?.flatten_all()?.get(0)?.to_scalar::<f32>()?) / down.dim(0)? as f64,
                None => 1.0,
            };
            merged = (merged + (up.matmul(&down)?.reshape(tensor.shape())? * (strength * scale))?)?;
        }
        if let Some(difference) = &self.difference {
            merged = (merged + (read(difference)? * strength)?)?;
        }
        Ok(merged)
    }
}

/// Rows and columns of a tensor that has all but its first dimension flattened.
fn matrix(shape: &[usize]) -> (usize, usize) {
    match shape {
        [rows, columns @ ..] => (*rows, columns.iter().product()),
        [] => (0, 0),
    }
}
