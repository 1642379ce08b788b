//! Clips drawn without any model, for trying the system, for tests and for load runs.
//!
//! Pure computation: no queue, no network and no FFmpeg. The worker's engine `preview` is a thin adapter of it.
//!
//! A prompt becomes a landscape of paper layers, made of the words it contains and of chance that the prompt and the
//! seed decide. A given picture is shown under the camera moves that the prompt asks for. The same request gives the
//! same frames, bit for bit, on any number of threads.

mod aurora;
mod birds;
mod build;
mod camera;
mod clouds;
mod craft;
mod dice;
mod dots;
mod fog;
mod heavens;
mod ink;
mod land;
mod layer;
mod moves;
mod outline;
mod palette;
mod picture;
mod plants;
mod relief;
mod resample;
mod row;
mod scene;
mod sky;
mod skyline;
mod space;
mod stage;
mod stars;
mod still;
mod strokes;
mod swell;
mod terrain;
mod water;
mod weather;
mod words;

#[cfg(test)]
mod tests;

use image::RgbImage;

pub use picture::Picture;

/// The longest side that is drawn, in pixels.
const LONGEST_SIDE: u32 = 8192;

/// What to draw.
#[derive(Debug, Clone, Copy)]
pub struct Request<'a> {
    /// What the clip shall show, camera moves in brackets included.
    pub prompt: &'a str,
    /// Width of every frame in pixels.
    pub width: u32,
    /// Height of every frame in pixels.
    pub height: u32,
    /// How many frames the clip has.
    pub frames: u32,
    /// Frames per second at which they will be shown.
    pub fps: u32,
    /// The same request with the same seed gives the same frames.
    pub seed: u64,
    /// The picture that the clip starts from, in its own size.
    pub first_frame: Option<&'a RgbImage>,
    /// The picture that the clip ends on, in its own size.
    pub last_frame: Option<&'a RgbImage>,
}

/// Why there is nothing to draw.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// A clip that takes no time.
    #[error("a clip of {frames} frames at {fps} frames per second has no length")]
    NoLength {
        /// How many frames were asked for.
        frames: u32,
        /// How many of them a second.
        fps: u32,
    },
    /// A frame without pixels, or with too many.
    #[error("a frame of {width} x {height} pixels; each side takes 1 to {LONGEST_SIDE}")]
    Size {
        /// The width that was asked for, in pixels.
        width: u32,
        /// The height that was asked for, in pixels.
        height: u32,
    },
    /// A source picture of no size.
    #[error("the source picture has no pixels")]
    EmptyPicture,
}

fn check(request: &Request) -> Result<(), Error> {
    let Request { width, height, frames, fps, .. } = *request;
    if frames == 0 || fps == 0 {
        return Err(Error::NoLength { frames, fps });
    }
    if width == 0 || height == 0 || width.max(height) > LONGEST_SIDE {
        return Err(Error::Size { width, height });
    }
    let mut pictures = [request.first_frame, request.last_frame].into_iter().flatten();
    if pictures.any(|picture| picture.as_raw().is_empty()) {
        return Err(Error::EmptyPicture);
    }
    Ok(())
}
