//! The numbers of a tensor in main memory.

use std::ops::Deref;

use candle_core::{Device, Result, Shape, Storage, Tensor, bail};

/// The numbers of a contiguous tensor in main memory, which nobody writes to while this lives.
pub(in crate::vae) struct Floats<'a> {
    storage: Box<dyn Deref<Target = Storage> + 'a>,
    start: usize,
    end: usize,
}

impl<'a> Floats<'a> {
    /// Those of `tensor`.
    pub(in crate::vae) fn of(tensor: &'a Tensor) -> Result<Self> {
        let (storage, layout) = tensor.storage_and_layout();
        let Some((start, end)) = layout.contiguous_offsets() else { bail!("a tensor of the autoencoder is in pieces") };
        Ok(Self { storage: Box::new(storage), start, end })
    }

    /// As a slice.
    pub(in crate::vae) fn slice(&self) -> Result<&[f32]> {
        match &**self.storage {
            Storage::Cpu(storage) => Ok(&storage.as_slice()?[self.start..self.end]),
            _ => bail!("a tensor of the autoencoder is not in main memory"),
        }
    }
}

/// A tensor in main memory.
pub(in crate::vae) fn from_floats(floats: Vec<f32>, shape: impl Into<Shape>) -> Result<Tensor> {
    Tensor::from_vec(floats, shape.into(), &Device::Cpu)
}
