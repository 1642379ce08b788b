//! The weights of one component: one safetensors file or many shards, memory-mapped, read tensor by tensor.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use candle_core::safetensors::MmapedSafetensors;
use candle_core::{DType, Device, Shape, Tensor};
use candle_nn::var_builder::SimpleBackend;
use candle_nn::{Init, VarBuilder};
use safetensors::tensor::TensorView;
use serde::Deserialize;

use crate::error::{Error, Result};
use crate::lora::Lora;

/// The mapped files of one component, and what is merged into them as they are read.
#[derive(Clone)]
pub struct Weights {
    mapped: Arc<MmapedSafetensors>,
    folder: PathBuf,
    files: usize,
    loras: Vec<Arc<Lora>>,
}

#[derive(Deserialize)]
struct Index {
    weight_map: BTreeMap<String, String>,
}

impl Weights {
    /// Maps `FOLDER/STEM.safetensors`, or the shards that `FOLDER/STEM.safetensors.index.json` names.
    ///
    /// # Errors
    /// A file that is missing, damaged, or named by a path that leaves the folder.
    pub fn open(folder: &Path, stem: &str) -> Result<Self> {
        let index = folder.join(format!("{stem}.safetensors.index.json"));
        let files =
            if index.exists() { shards(folder, &index)? } else { vec![folder.join(format!("{stem}.safetensors"))] };
        for file in &files {
            if !file.is_file() {
                return Err(Error::Folder { file: file.clone(), reason: "the file is missing".into() });
            }
        }
        Self::map(folder, &files)
    }

    /// Maps one file, whatever its name.
    ///
    /// # Errors
    /// A file that is missing or damaged.
    pub(crate) fn file(file: &Path) -> Result<Self> {
        Self::map(file, &[file.into()])
    }

    #[expect(
        unsafe_code,
        reason = "a memory map is sound as long as nobody truncates the file, and model folders are not written to"
    )]
    fn map(folder: &Path, files: &[PathBuf]) -> Result<Self> {
        // SAFETY: model files are opened read-only and are not changed while a worker runs.
        let mapped = unsafe { MmapedSafetensors::multi(files) };
        let damaged =
            |error| Error::Folder { file: folder.into(), reason: format!("the weights cannot be read: {error}") };
        let mapped = Arc::new(mapped.map_err(damaged)?);
        Ok(Self { mapped, folder: folder.into(), files: files.len(), loras: Vec::new() })
    }

    /// Merges `lora` into every tensor that it changes, each time that one is read.
    ///
    /// # Errors
    /// [`Error::Folder`] where the LoRA changes a tensor that is not there or has another shape.
    pub fn with_lora(mut self, lora: Lora) -> Result<Self> {
        lora.check(&self)?;
        self.loras.push(Arc::new(lora));
        Ok(self)
    }

    /// The folder that the files lie in.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// How many files there are.
    pub fn files(&self) -> usize {
        self.files
    }

    /// The names and shapes of all tensors.
    pub fn shapes(&self) -> BTreeMap<String, Vec<usize>> {
        self.views().into_iter().map(|(name, view)| (name, view.shape().to_vec())).collect()
    }

    /// All tensors as they are stored; to look at one's type and shape reads no more than the files' headers.
    pub(crate) fn views(&self) -> Vec<(String, TensorView<'_>)> {
        self.mapped.tensors()
    }

    /// Whether a tensor of this name is there.
    pub fn contains(&self, name: &str) -> bool {
        self.mapped.get(name).is_ok()
    }

    /// Hands tensors out as `dtype` on `device`, whatever they are stored as.
    pub fn builder(&self, dtype: DType, device: &Device) -> VarBuilder<'static> {
        VarBuilder::from_backend(Box::new(self.clone()), dtype, device.clone())
    }
}

impl SimpleBackend for Weights {
    fn get(&self, shape: Shape, name: &str, _: Init, dtype: DType, device: &Device) -> candle_core::Result<Tensor> {
        let tensor = self.get_unchecked(name, dtype, device)?;
        if tensor.shape() == &shape {
            return Ok(tensor);
        }
        candle_core::bail!(
            "{}: `{name}` has shape {:?}, its configuration asks for {shape:?}",
            self.folder.display(),
            tensor.shape()
        )
    }

    fn get_unchecked(&self, name: &str, dtype: DType, device: &Device) -> candle_core::Result<Tensor> {
        if !self.contains(name) {
            candle_core::bail!("{}: the tensor `{name}` is missing", self.folder.display())
        }
        let stored = self.mapped.load(name, device)?;
        self.loras.iter().try_fold(stored, |tensor, lora| lora.merge(name, tensor))?.to_dtype(dtype)
    }

    fn contains_tensor(&self, name: &str) -> bool {
        self.contains(name)
    }
}

fn shards(folder: &Path, index: &Path) -> Result<Vec<PathBuf>> {
    let refuse = |reason: String| Error::Folder { file: index.into(), reason };
    let text = std::fs::read_to_string(index).map_err(|error| refuse(error.to_string()))?;
    let parsed: Index = serde_json::from_str(&text).map_err(|error| refuse(error.to_string()))?;
    let names: BTreeSet<String> = parsed.weight_map.into_values().collect();
    if names.is_empty() {
        return Err(refuse("`weight_map` names no file".into()));
    }
    let plain = |name: &String| Path::new(name).file_name().is_some_and(|file| file == name.as_str());
    match names.iter().find(|name| !plain(name)) {
        Some(name) => Err(refuse(format!("`weight_map` names {name:?}, which is not a file of this folder"))),
        None => Ok(names.iter().map(|name| folder.join(name)).collect()),
    }
}
