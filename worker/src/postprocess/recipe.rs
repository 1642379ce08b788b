//! What shall be made of footage.

use clipmill_shared::jobs::Job;
use clipmill_shared::jobs::options::{Codec, Container, Quality};

use super::Target;

/// What shall be made of footage.
#[derive(Debug, Clone)]
pub struct Recipe {
    /// The size of the video's pictures.
    pub size: Target,
    /// The video's frames per second.
    pub fps: u32,
    /// How the pictures are compressed.
    pub codec: Codec,
    /// How much that may cost.
    pub quality: Quality,
    /// How the file is laid out.
    pub container: Container,
    /// Whether the end flows into the beginning.
    pub looped: bool,
    /// Whether poster, spritesheet and preview are made beside the video.
    pub pictures: bool,
}

impl Recipe {
    /// The recipe of a job.
    pub(crate) fn of(job: &Job) -> Self {
        let (options, drawn) = (&job.output_options.0, job.size());
        let size = options.size.unwrap_or(drawn);
        Self {
            codec: options.codec,
            quality: options.quality,
            container: options.container,
            looped: options.looped,
            ..Self::plain(
                Target { width: size.width, height: size.height },
                options.fps.unwrap_or(job.fps.unsigned_abs()),
            )
        }
    }

    /// A video of this size and rate, and the defaults otherwise.
    pub fn plain(size: Target, fps: u32) -> Self {
        let (codec, quality, container) = Default::default();
        Self { size, fps, codec, quality, container, looped: false, pictures: true }
    }
}
