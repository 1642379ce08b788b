//! What is asked of a model, and whether it can do that.

use image::RgbImage;

use crate::error::{Error, Result};
use crate::folder::Folder;
use crate::schedule::Sampling;

/// Tokens of the prompt that the published models attend to.
pub const TEXT_LENGTH: usize = 512;
/// Longest side in pixels, and most frames: beyond what any published model was trained for.
const SIDE_MAX: u32 = 4096;
const FRAMES_MAX: u32 = 1024;

/// One video.
#[derive(Debug, Clone, Copy)]
pub struct Request<'a> {
    /// What it shall show.
    pub prompt: &'a str,
    /// What it shall not show; without guidance it has no effect.
    pub negative_prompt: &'a str,
    /// Width in pixels, a multiple of 16 (of 32 for the 5B model).
    pub width: u32,
    /// Height in pixels, likewise.
    pub height: u32,
    /// Frames to deliver. The models make 4 k + 1; what is beyond the asked number is left out.
    pub frames: u32,
    /// Repeats a video.
    pub seed: u64,
    /// The picture that the video starts from, in any size.
    pub first_frame: Option<&'a RgbImage>,
    /// The picture that the video ends on, in any size.
    pub last_frame: Option<&'a RgbImage>,
}

/// The sizes of a video.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Video {
    /// Width in pixels.
    pub width: u32,
    /// Height in pixels.
    pub height: u32,
    /// Frames.
    pub frames: u32,
}

/// How a model renders, whatever is asked of it.
#[derive(Debug, Clone, PartialEq)]
pub struct Settings {
    /// How the noise is walked down.
    pub sampling: Sampling,
    /// Guidance scale; 1 means none, and one call of the transformer a step instead of two.
    pub guidance: f64,
    /// Guidance scale of the expert for low noise, where it has its own.
    pub guidance_low: Option<f64>,
    /// First-block caching: the relative change up to which the other blocks are skipped. None means never.
    pub cache_threshold: Option<f64>,
    /// Decodes in tiles of so many pixels, overlapping by a quarter. None means in tiles as large as the device's memory
    /// allows, and whole if that fits.
    pub tile: Option<usize>,
    /// How a source image comes to the video's size.
    pub fit: Fit,
    /// Tokens that a prompt is cut or padded to; the published models want [`TEXT_LENGTH`].
    pub text_length: usize,
}

/// How a source image comes to the video's size.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fit {
    /// It covers the video, and what juts out is cut off evenly: nothing is distorted.
    Cover,
    /// It is stretched, as diffusers does.
    Stretch,
}

impl Settings {
    /// The folder's own schedule with so many steps, and guidance.
    pub fn steps(count: usize, guidance: f64) -> Self {
        Self {
            sampling: Sampling::Steps { count, shift: None },
            guidance,
            guidance_low: None,
            cache_threshold: None,
            tile: None,
            fit: Fit::Cover,
            text_length: TEXT_LENGTH,
        }
    }
}

/// The sizes of one render.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Shape {
    /// Width and height in pixels.
    pub(crate) width: usize,
    pub(crate) height: usize,
    /// Frames that are rendered: 4 k + 1.
    pub(crate) frames: usize,
    /// The same in latents.
    pub(crate) latent_frames: usize,
    pub(crate) latent_height: usize,
    pub(crate) latent_width: usize,
}

impl Shape {
    /// The sizes of `request` on this model.
    ///
    /// # Errors
    /// [`Error::Rejected`] naming what cannot be rendered and what could.
    pub(crate) fn of(request: &Request, folder: &Folder) -> Result<Self> {
        images(request, folder)?;
        Self::sized(&Video { width: request.width, height: request.height, frames: request.frames }, folder)
    }

    /// The sizes of a video on this model, whatever it shows.
    ///
    /// # Errors
    /// As [`Shape::of`].
    pub(crate) fn sized(video: &Video, folder: &Folder) -> Result<Self> {
        let spatial = folder.vae.scale_factor_spatial;
        let multiple = 2 * spatial as u32;
        for (name, side) in [("width", video.width), ("height", video.height)] {
            if side == 0 || side > SIDE_MAX || !side.is_multiple_of(multiple) {
                let allowed = format!("{name} is {side}; this model takes multiples of {multiple} up to {SIDE_MAX}");
                return Err(Error::Rejected(allowed));
            }
        }
        if !(1..=FRAMES_MAX).contains(&video.frames) {
            return Err(Error::Rejected(format!("frames is {}; it has to be from 1 to {FRAMES_MAX}", video.frames)));
        }
        let (width, height) = (video.width as usize, video.height as usize);
        let latent_frames = (video.frames as usize - 1).div_ceil(4) + 1;
        let shape = Self {
            width,
            height,
            frames: 4 * (latent_frames - 1) + 1,
            latent_frames,
            latent_height: height / spatial,
            latent_width: width / spatial,
        };
        shape.within(folder.transformer.rope_max_seq_len)?;
        Ok(shape)
    }

    /// Positions end where the rotary tables end.
    fn within(&self, positions: usize) -> Result<()> {
        let longest = self.latent_frames.max(self.latent_height / 2).max(self.latent_width / 2);
        if longest > positions {
            return Err(Error::Rejected(format!(
                "the video has {longest} positions on one axis; this model has {positions}"
            )));
        }
        Ok(())
    }

    /// Latents of so many channels: `[1, channels, T, h, w]`.
    pub(crate) fn latents(&self, channels: usize) -> [usize; 5] {
        [1, channels, self.latent_frames, self.latent_height, self.latent_width]
    }

    /// Tokens of the transformer.
    pub(crate) fn tokens(&self) -> usize {
        self.latent_frames * (self.latent_height / 2) * (self.latent_width / 2)
    }
}

fn images(request: &Request, folder: &Folder) -> Result<()> {
    let kind = folder.kind;
    let (first, last) = (request.first_frame.is_some(), request.last_frame.is_some());
    let refuse = |text: &str| Err(Error::Rejected(text.to_owned()));
    match () {
        () if (first || last) && !kind.takes_image() => {
            refuse("this model makes videos of text alone; leave the image out")
        }
        () if !first && kind.needs_image() => refuse("this model needs the image that the video starts from"),
        () if !first && last => refuse("this model needs the image that the video starts from beside the last one"),
        () if last && !kind.takes_last_image() => refuse("this model takes no image to end on"),
        () if !last && kind.needs_last_image() => refuse("this model needs the image that the video ends on"),
        () => Ok(()),
    }
}
