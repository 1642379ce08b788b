//! What shall be made of footage.

use std::sync::Arc;

use clipmill_shared::jobs::Job;
use clipmill_shared::jobs::options::{Codec, Container, Quality};

use super::provenance::{Origin, Provenance};
use super::{Encoders, Mark, Target};

/// What shall be made of footage.
#[derive(Debug, Clone)]
pub struct Recipe {
    /// The size of the video's pictures.
    pub size: Target,
    /// The video's frames per second, if they are more than those of the footage.
    pub fps: u32,
    /// How the pictures are compressed.
    pub codec: Codec,
    /// How much that may cost.
    pub quality: Quality,
    /// How the file is laid out.
    pub container: Container,
    /// How many frames at the end flow into as many at the beginning, so that the video repeats without a jump: the footage has
    /// so many more than the video. None if it does not repeat.
    pub overlap: u32,
    /// What there is to encode with.
    pub encoders: Arc<Encoders>,
    /// What the files say of where they come from.
    pub origin: Origin,
    /// Whether poster, spritesheet and preview are made beside the video.
    pub pictures: bool,
    /// The visible mark that every picture carries.
    pub mark: Option<Mark>,
}

impl Recipe {
    /// The recipe of a job on a worker that encodes and signs so, but for its mark, which has to be fetched.
    pub(crate) fn of(job: &Job, encoders: &Arc<Encoders>, provenance: &Provenance) -> Self {
        let (options, drawn) = (&job.output_options.0, job.size());
        let (size, fps) = (options.size.unwrap_or(drawn), job.fps.unsigned_abs());
        Self {
            size: Target { width: size.width, height: size.height },
            fps: options.fps.unwrap_or(fps),
            codec: options.codec,
            quality: options.quality,
            container: options.container,
            overlap: options.overlap_frames(fps),
            encoders: encoders.clone(),
            origin: provenance.of(job.id),
            pictures: true,
            mark: None,
        }
    }

    /// A video of this size and rate, and the defaults otherwise. No GPU encodes it.
    pub fn plain(size: Target, fps: u32) -> Self {
        let (codec, quality, container) = Default::default();
        Self {
            size,
            fps,
            codec,
            quality,
            container,
            overlap: 0,
            encoders: Encoders::software(),
            origin: Origin::default(),
            pictures: true,
            mark: None,
        }
    }
}
