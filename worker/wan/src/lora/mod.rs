//! Low-rank changes to a diffusion transformer's weights, merged while those are read. (Hu et al., "LoRA: Low-Rank
//! Adaptation of Large Language Models".)

mod names;
mod patch;

use std::collections::BTreeMap;
use std::path::Path;

use candle_core::Tensor;

use crate::error::{Error, Result};
use crate::weights::Weights;
use names::Change;
use patch::Patch;

/// A LoRA file, and how strongly it is applied.
pub struct Lora {
    weights: Weights,
    /// By the name of the tensor that it changes.
    patches: BTreeMap<String, Patch>,
    strength: f64,
}

impl Lora {
    /// Maps a LoRA file; with a `strength` of 1 it is applied as it was trained.
    ///
    /// Understood are Wan's own names and those of diffusers, as pairs of low rank (`lora_down` and `lora_up`, or
    /// `lora_A` and `lora_B`) with an optional `alpha`, and as whole differences (`diff`, `diff_b`, `diff_m`).
    ///
    /// # Errors
    /// [`Error::Folder`] for a damaged file, a name that is not understood, half a pair, or no change at all;
    /// [`Error::Rejected`] for a strength that is not finite.
    pub fn open(file: &Path, strength: f64) -> Result<Self> {
        if !strength.is_finite() {
            return Err(Error::Rejected(format!("the strength of a LoRA must be finite, and is {strength}")));
        }
        let weights = Weights::file(file)?;
        let patches = patches(&weights).map_err(|reason| Error::Folder { file: file.into(), reason })?;
        Ok(Self { weights, patches, strength })
    }

    /// Whether all its changes fit `weights`.
    ///
    /// # Errors
    /// [`Error::Folder`] naming the first that does not.
    pub(crate) fn check(&self, weights: &Weights) -> Result<()> {
        let (there, here) = (weights.shapes(), self.weights.shapes());
        let refuse = |reason: String| Error::Folder { file: self.weights.folder().into(), reason };
        for (target, patch) in &self.patches {
            let Some(shape) = there.get(target) else {
                return Err(refuse(format!("it changes `{target}`, which {} lacks", weights.folder().display())));
            };
            if let Some(name) = patch.misfit(shape, &here) {
                let own = &here[name];
                return Err(refuse(format!("`{name}` of shape {own:?} does not fit `{target}` of shape {shape:?}")));
            }
        }
        Ok(())
    }

    /// `tensor`, stored under `name`, with the change to it: in f32 if there is one, untouched if there is none.
    ///
    /// # Errors
    /// The device's.
    pub(crate) fn merge(&self, name: &str, tensor: Tensor) -> candle_core::Result<Tensor> {
        match self.patches.get(name) {
            Some(patch) => patch.merge(&tensor, &self.weights, self.strength),
            None => Ok(tensor),
        }
    }
}

/// The changes in a file by the tensor that each is to, or why they are not understood.
fn patches(weights: &Weights) -> Result<BTreeMap<String, Patch>, String> {
    let mut patches = BTreeMap::<String, Patch>::new();
    let views = weights.views();
    let diffusers = views.iter().any(|(name, _)| names::is_diffusers(name));
    for (name, view) in views {
        let change = Change::read(&name, diffusers).ok_or_else(|| format!("the name `{name}` is not understood"))?;
        // Training scripts write differences for norms that have no weights, all of them zero.
        if change.is_of_norm() && view.data().iter().all(|byte| *byte == 0) {
            continue;
        }
        let patch = patches.entry(change.target).or_default();
        if let Some(other) = patch.part(change.part).replace(name.clone()) {
            return Err(format!("`{name}` and `{other}` are the same change"));
        }
    }
    if let Some((target, _)) = patches.iter().find(|(_, patch)| !patch.is_whole()) {
        return Err(format!("the change to `{target}` lacks half of its pair"));
    }
    if patches.is_empty() { Err("it changes nothing".into()) } else { Ok(patches) }
}

#[cfg(test)]
mod tests;
