//! From latents to pictures, each handed on as soon as it is decoded.

use candle_core::{DType, Tensor};
use image::RgbImage;

use super::model::Model;
use super::probe::Probe;
use super::request::{Request, Settings, Shape};
use crate::error::{Error, Result};
use crate::vae::Tiling;
use crate::watch::Watch;

impl Model {
    /// Renders `request` and hands its frames to `out`, in order.
    ///
    /// # Errors
    /// [`Error::Rejected`] for what this model cannot render, [`Error::Memory`], [`Error::NotFinite`],
    /// [`Error::Stopped`] within one block of the transformer or chunk of the decoder; and whatever `out` fails with.
    pub fn render(
        &self,
        request: &Request,
        settings: &Settings,
        watch: &dyn Watch,
        out: &mut dyn FnMut(RgbImage) -> Result<()>,
    ) -> Result<()> {
        let latents = self.denoise(request, settings, watch, &mut () as &mut dyn Probe)?;
        let tiling = self.tiling(&Shape::of(request, self.folder())?, settings.tile)?;
        self.decode(&latents, request.frames as usize, tiling, watch, out)
    }

    /// Decodes normalised latents and hands the first `frames` frames to `out`.
    fn decode(
        &self,
        latents: &Tensor,
        frames: usize,
        tiling: Option<Tiling>,
        watch: &dyn Watch,
        out: &mut dyn FnMut(RgbImage) -> Result<()>,
    ) -> Result<()> {
        let mut left = frames;
        self.vae(watch)?.decode(latents, tiling, watch, &mut |chunk| {
            for frame in pictures(&chunk)?.into_iter().take(left) {
                left -= 1;
                out(frame)?;
            }
            Ok(())
        })
    }
}

/// The pictures of `[n, 3, H, W]` from -1 to 1, rounded to bytes.
fn pictures(chunk: &Tensor) -> Result<Vec<RgbImage>> {
    let (count, _, height, width) = chunk.dims4()?;
    let bytes = ((chunk.clamp(-1f32, 1f32)? + 1.0)? * 127.5)?.round()?.to_dtype(DType::U8)?;
    let bytes = bytes.permute((0, 2, 3, 1))?.contiguous()?;
    (0..count)
        .map(|frame| {
            let packed = bytes.get(frame)?.flatten_all()?.to_vec1::<u8>()?;
            let picture = RgbImage::from_raw(width as u32, height as u32, packed);
            picture.ok_or_else(|| Error::NotFinite("the size of a frame".into()))
        })
        .collect()
}
