//! What source images become: latents beside the noise, a first frame that is given, a view for cross-attention.

use candle_core::{DType, Device, Tensor};
use image::RgbImage;

use super::model::Model;
use super::probe::Probe;
use super::request::{Fit, Request, Shape};
use crate::dit::Run;
use crate::error::Result;
use crate::folder::Kind;
use crate::picture::{self, Filter};
use crate::vae::Vae;
use crate::watch::Watch;

/// How the source images take part in every step.
pub(super) enum Condition {
    /// There are none.
    None,
    /// Channels behind those of the noise, `[1, 4 + z, T, h, w]`: a mask of what is given, and the latents of a video that
    /// is the images where they are given and grey elsewhere.
    Beside(Tensor),
    /// The latents of the first frame, `[1, z, 1, h, w]`, in place of the noise there (TI2V-5B).
    First(Tensor),
}

impl Condition {
    /// Encodes the images of `request`.
    pub(super) fn of(model: &Model, request: &Request, shape: &Shape, fit: Fit, watch: &dyn Watch) -> Result<Self> {
        let Some(first) = request.first_frame else { return Ok(Self::None) };
        let (vae, device) = (model.vae(watch)?, model.device());
        let fitted = |image: &RgbImage| fitted(image, shape, fit, device);
        let first = fitted(first)?;
        if model.folder().kind == Kind::TextImageToVideo {
            return Ok(Self::First(vae.encode(1, &mut |_| Ok(first.clone()), watch)?));
        }
        let last = request.last_frame.map(fitted).transpose()?;
        let latents = beside(&vae, shape, &first, last.as_ref(), watch)?;
        Ok(Self::Beside(Tensor::cat(&[&mask(shape, last.is_some(), device)?, &latents], 1)?))
    }

    /// What the transformer is given of the latents `x`.
    pub(super) fn input(&self, x: &Tensor) -> Result<Tensor> {
        Ok(match self {
            Self::None => x.clone(),
            Self::Beside(channels) => Tensor::cat(&[x, channels], 1)?,
            Self::First(_) => self.output(x)?,
        })
    }

    /// The latents `x` with what is given put in its place.
    pub(super) fn output(&self, x: &Tensor) -> Result<Tensor> {
        let Self::First(first) = self else { return Ok(x.clone()) };
        match x.dim(2)? {
            1 => Ok(first.clone()),
            frames => Ok(Tensor::cat(&[first, &x.narrow(2, 1, frames - 1)?], 2)?),
        }
    }

    /// The timesteps of the latent frames: a frame that is given has no noise.
    pub(super) fn times(&self, timestep: f64, frames: usize) -> Vec<Run> {
        let noisy = |frames| Run { frames, timestep };
        match self {
            Self::First(_) if frames == 1 => vec![Run { frames: 1, timestep: 0.0 }],
            Self::First(_) => vec![Run { frames: 1, timestep: 0.0 }, noisy(frames - 1)],
            _ => vec![noisy(frames)],
        }
    }
}

/// The image encoder's view of the images, `[1, rows of all images, channels]`, where the model has one.
pub(super) fn view(
    model: &Model,
    request: &Request,
    watch: &dyn Watch,
    probe: &mut dyn Probe,
) -> Result<Option<Tensor>> {
    let (Some(vision), Some((_, processor))) = (model.vision(watch)?, &model.folder().vision) else { return Ok(None) };
    let images = [request.first_frame, request.last_frame].into_iter().flatten();
    let pixels = images.map(|image| processor.prepare(image, model.device())).collect::<Result<Vec<_>>>()?;
    let rows = vision.embed(&Tensor::cat(&pixels, 0)?)?;
    probe.view(&rows);
    let (images, length, channels) = rows.dims3()?;
    Ok(Some(rows.reshape((1, images * length, channels))?))
}

/// An image in the video's size, from -1 to 1: `[1, 3, H, W]`.
fn fitted(image: &RgbImage, shape: &Shape, fit: Fit, device: &Device) -> Result<Tensor> {
    let (width, height) = (shape.width as u32, shape.height as u32);
    let fitted = match fit {
        Fit::Cover => picture::cover(image, width, height, Filter::Lanczos3),
        Fit::Stretch => picture::resize(image, width, height, Filter::Lanczos3),
    };
    picture::to_tensor(&fitted, device)
}

/// The latents of a video that is grey but for its first and, if given, its last frame.
fn beside(vae: &Vae, shape: &Shape, first: &Tensor, last: Option<&Tensor>, watch: &dyn Watch) -> Result<Tensor> {
    let grey = first.zeros_like()?;
    let mut frame = |number: usize| {
        Ok(match (number, last) {
            (0, _) => first.clone(),
            (number, Some(last)) if number == shape.frames - 1 => last.clone(),
            _ => grey.clone(),
        })
    };
    vae.encode(shape.frames, &mut frame, watch)
}

/// Which frames are given, `[1, 4, T, h, w]`: the channels are the four frames of a latent one, of which the first has one.
fn mask(shape: &Shape, has_last: bool, device: &Device) -> Result<Tensor> {
    let (frames, plane) = (shape.latent_frames, shape.latent_height * shape.latent_width);
    let is_given = |channel: usize, frame: usize| frame == 0 || (has_last && channel == 3 && frame == frames - 1);
    let cells = (0..4).flat_map(|channel| (0..frames).map(move |frame| (channel, frame)));
    let values: Vec<f32> = cells
        .flat_map(|(channel, frame)| std::iter::repeat_n(f32::from(u8::from(is_given(channel, frame))), plane))
        .collect();
    Ok(Tensor::from_vec(values, shape.latents(4).as_slice(), device)?.to_dtype(DType::F32)?)
}
