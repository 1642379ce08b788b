//! The preview engine: draws clips without any model, for trying the system, for tests and for load runs.
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

use picture::Picture;

use super::{Engine, EngineError, FrameSink, Request, Watch};

/// The longest side that is drawn, in pixels.
const LONGEST_SIDE: u32 = 8192;

/// An engine without a model. It needs no weights and no GPU, and draws faster than real time on two cores.
#[derive(Debug, Clone, Copy, Default)]
pub struct PreviewEngine;

impl PreviewEngine {
    /// The engine; there is nothing to set up.
    pub fn new() -> Self {
        Self
    }
}

impl Engine for PreviewEngine {
    fn name(&self) -> &str {
        "preview"
    }

    fn render(&self, request: &Request, watch: &Watch, out: &mut dyn FrameSink) -> Result<(), EngineError> {
        check(request)?;
        if watch.stopped() {
            return Err(EngineError::Stopped);
        }
        let picture = Picture::new(request);
        for number in 0..request.frames {
            if watch.stopped() {
                return Err(EngineError::Stopped);
            }
            out.push(picture.frame(number))?;
            watch.progress(number + 1, request.frames);
        }
        Ok(())
    }
}

fn check(request: &Request) -> Result<(), EngineError> {
    let rejected = |reason: String| Err(EngineError::Rejected(reason));
    let Request { width, height, frames, fps, .. } = request;
    if *frames == 0 || *fps == 0 {
        return rejected(format!("a clip of {frames} frames at {fps} frames per second has no length"));
    }
    if *width == 0 || *height == 0 || *width.max(height) > LONGEST_SIDE {
        return rejected(format!("a frame of {width} x {height} pixels; each side takes 1 to {LONGEST_SIDE}"));
    }
    let empty = |picture: &Option<super::Frame>| picture.as_ref().is_some_and(|picture| picture.as_raw().is_empty());
    if empty(&request.first_frame) || empty(&request.last_frame) {
        return rejected("the source picture has no pixels".to_owned());
    }
    Ok(())
}
