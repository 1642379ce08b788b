//! What to render, as both `render` and `bench` are told.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use clipmill_wan::folder::Folder;
use clipmill_wan::pipeline::{LoraFile, Model, Options, Request, Settings, Video};
use clipmill_wan::schedule::Sampling;
use image::RgbImage;

use crate::device::DeviceArgs;

/// What to render with which model.
#[derive(Debug, clap::Args)]
pub(crate) struct Job {
    /// The model's folder, in diffusers layout
    folder: PathBuf,
    /// What the video shall show
    #[arg(long, default_value = "A red fox runs through fresh snow at dawn")]
    prompt: String,
    /// What it shall not show
    #[arg(long, default_value = "")]
    negative_prompt: String,
    /// A picture that the video starts from
    #[arg(long)]
    image: Option<PathBuf>,
    /// A picture that the video ends on
    #[arg(long)]
    last_image: Option<PathBuf>,
    /// Width in pixels
    #[arg(long, default_value_t = 832)]
    width: u32,
    /// Height in pixels
    #[arg(long, default_value_t = 480)]
    height: u32,
    /// Frames to render
    #[arg(long, default_value_t = 81)]
    pub(crate) frames: u32,
    /// Steps of the folder's scheduler
    #[arg(long, default_value_t = 50)]
    steps: usize,
    /// Steps of a step-distilled model, from 1000 down, as in 1000,750,500,250; in place of --steps
    #[arg(long, value_delimiter = ',')]
    step_list: Vec<f64>,
    /// Fresh noise after each step of --step-list
    #[arg(long, requires = "step_list")]
    renoise: bool,
    /// Shift of the noise schedule, in place of the folder's
    #[arg(long)]
    shift: Option<f64>,
    /// Guidance scale; 1 means none
    #[arg(long, default_value_t = 5.0)]
    guidance: f64,
    /// Guidance scale of the expert for low noise
    #[arg(long)]
    guidance_low: Option<f64>,
    /// First-block caching: the relative change up to which a step is skipped
    #[arg(long)]
    cache_threshold: Option<f64>,
    /// Decode in tiles of so many pixels
    #[arg(long)]
    tile: Option<usize>,
    /// Weights to merge into the transformer
    #[arg(long)]
    lora: Vec<PathBuf>,
    /// Repeats a video
    #[arg(long, default_value_t = 0)]
    seed: u64,
    #[command(flatten)]
    device: DeviceArgs,
}

/// The pictures of a job.
pub(crate) struct Images {
    first: Option<RgbImage>,
    last: Option<RgbImage>,
}

impl Job {
    pub(crate) fn model(&self) -> Result<Model> {
        let loras = self.lora.iter().map(|file| LoraFile { file: file.clone(), strength: 1.0, expert: None }).collect();
        let video = Video { width: self.width, height: self.height, frames: self.frames };
        let options = Options { loras, videos: vec![video], ..Options::on(self.device.open()?) };
        Ok(Model::open(Folder::open(&self.folder)?, options)?)
    }

    pub(crate) fn images(&self) -> Result<Images> {
        let read = |path: &Option<PathBuf>| path.as_deref().map(read).transpose();
        Ok(Images { first: read(&self.image)?, last: read(&self.last_image)? })
    }

    pub(crate) fn request<'a>(&'a self, images: &'a Images) -> Request<'a> {
        Request {
            prompt: &self.prompt,
            negative_prompt: &self.negative_prompt,
            width: self.width,
            height: self.height,
            frames: self.frames,
            seed: self.seed,
            first_frame: images.first.as_ref(),
            last_frame: images.last.as_ref(),
        }
    }

    pub(crate) fn settings(&self) -> Settings {
        let sampling = match self.step_list.is_empty() {
            true => Sampling::Steps { count: self.steps, shift: self.shift },
            false => Sampling::Distilled {
                steps: self.step_list.clone(),
                shift: self.shift.unwrap_or(1.0),
                renoise: self.renoise,
            },
        };
        Settings {
            sampling,
            guidance_low: self.guidance_low,
            cache_threshold: self.cache_threshold,
            tile: self.tile,
            ..Settings::steps(self.steps, self.guidance)
        }
    }
}

fn read(path: &Path) -> Result<RgbImage> {
    let picture = image::open(path).with_context(|| format!("cannot read the picture {}", path.display()))?;
    Ok(picture.into_rgb8())
}
