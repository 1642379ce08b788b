//! What a folder holds, told without reading more than the headers of its files.

use std::collections::BTreeSet;

use serde::Serialize;

use super::kind::Kind;
use super::open::Folder;
use super::part::Part;
use crate::error::Result;

/// What a model folder holds.
#[derive(Debug, Clone, Serialize)]
pub struct Summary {
    /// Which model it is.
    pub kind: Kind,
    /// Its components that have weights.
    pub components: Vec<Holding>,
}

/// What the files of one component hold.
#[derive(Debug, Clone, Serialize)]
pub struct Holding {
    /// The component's subfolder.
    pub name: &'static str,
    /// Numbers in all its tensors.
    pub parameters: u64,
    /// The types that those are stored in, by the names of the safetensors format.
    pub dtypes: BTreeSet<String>,
    /// Bytes that they take as stored.
    pub bytes: u64,
    /// Weight files.
    pub files: usize,
}

impl Folder {
    /// What the folder holds, from the headers of its files.
    ///
    /// # Errors
    /// [`Error::Folder`](crate::Error::Folder) for a file that is missing or damaged.
    pub fn summary(&self) -> Result<Summary> {
        let components = self.parts().into_iter().map(|part| self.holding(part));
        Ok(Summary { kind: self.kind, components: components.collect::<Result<_>>()? })
    }

    fn holding(&self, part: Part) -> Result<Holding> {
        let weights = self.weights(part)?;
        let views = weights.views();
        let views = || views.iter().map(|(_, view)| view);
        Ok(Holding {
            name: part.name(),
            parameters: views().map(|view| view.shape().iter().product::<usize>() as u64).sum(),
            dtypes: views().map(|view| view.dtype().to_string()).collect(),
            bytes: views().map(|view| view.data().len() as u64).sum(),
            files: weights.files(),
        })
    }
}
