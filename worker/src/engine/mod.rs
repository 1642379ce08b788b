//! Engines: what turns a request into frames, and into sound where a model makes it.
//!
//! An engine speaks of pixels, frames and seeds; it knows nothing of tiers, accounts, queues or storage.
//! It runs synchronously on a thread of its own and hands each frame on as soon as it exists.

use std::path::Path;

use clipmill_shared::offer::Offer;

pub mod minimax;
pub mod preview;
pub mod remote;
mod sound;
pub mod wan;
mod watch;

pub use sound::Sound;
pub use watch::Watch;

/// One picture, packed 8-bit RGB: a frame of the video, or a source image.
pub type Frame = image::RgbImage;

/// What an engine is asked to draw.
#[derive(Debug, Clone)]
pub struct Request {
    /// What the video shall show.
    pub prompt: String,
    /// What it shall not show.
    pub negative_prompt: Option<String>,
    /// Width of every frame in pixels, even.
    pub width: u32,
    /// Height of every frame in pixels, even.
    pub height: u32,
    /// How many frames to deliver, exactly.
    pub frames: u32,
    /// Frames per second at which they will be shown.
    pub fps: u32,
    /// The same request with the same seed gives the same frames.
    pub seed: u64,
    /// The picture that the video starts from, in its own size.
    pub first_frame: Option<Frame>,
    /// The picture that the video ends on, in its own size.
    pub last_frame: Option<Frame>,
}

/// A generator of video.
pub trait Engine: Send + Sync {
    /// The name by which configuration and metadata know this engine.
    fn name(&self) -> &str;

    /// What it can render, if that is less than a tier accepts.
    fn offer(&self) -> Option<&Offer> {
        None
    }

    /// Gets ready before the first job, so that this takes no longer than the next. What it reports is how far that is.
    fn warm_up(&self, _watch: &Watch) -> Result<(), EngineError> {
        Ok(())
    }

    /// Whether it may be given a job. One that waits for something outside of the worker looks after that by itself.
    fn is_ready(&self) -> bool {
        true
    }

    /// Whether it is busy with a render that nobody wants any more and that it cannot stop.
    fn is_occupied(&self) -> bool {
        false
    }

    /// What it is measured by elsewhere, in the text form of Prometheus. May wait for a moment.
    fn metrics(&self) -> String {
        String::new()
    }

    /// Ends what it keeps running beside the worker. The last thing that is asked of it; may wait for that.
    fn close(&self) {}

    /// Draws exactly `request.frames` frames of `request.width` x `request.height`, in order, into `out`, with sound or
    /// without; or hands over a video file that shows the like.
    ///
    /// Calls `watch.progress` as work proceeds and returns [`EngineError::Stopped`] within one step once
    /// `watch.stopped()` says so.
    fn render(&self, request: &Request, watch: &Watch, out: &mut dyn FrameSink) -> Result<(), EngineError>;
}

/// Where an engine puts what it makes. A slow consumer slows the engine; nothing piles up. [`EngineError::Stopped`]
/// means that nobody wants more.
pub trait FrameSink {
    /// Hands over the next frame.
    fn push(&mut self, frame: Frame) -> Result<(), EngineError>;

    /// Hands over the next stretch of sound. The first begins with the first frame, each other where the last one ended.
    ///
    /// Whether there is sound stands in the file's header. So it begins before the first frame, be it with
    /// [`Sound::announce`]; afterwards it may come before, between and after the frames, at one rate and in as many
    /// channels. What is longer than the video is cut off, and what is shorter ends in silence.
    fn sound(&mut self, _sound: Sound) -> Result<(), EngineError> {
        Err(EngineError::Transient("no sound is taken here".to_owned()))
    }

    /// Where a file that will be handed over may be written; the system's temporary folder if nowhere in particular.
    fn scratch(&self) -> Option<&Path> {
        None
    }

    /// Hands over an encoded video, with sound or without, in place of frames: the last thing that an engine does, for
    /// its GPU counts as free from here on. The file may go as soon as this returns.
    ///
    /// Its pictures may have another size and rate than was asked for. They are shown at their times, upright as they
    /// are stored; what is longer than asked is cut off, and a last picture stands for half a second at most.
    fn file(&mut self, _path: &Path) -> Result<(), EngineError> {
        Err(EngineError::Transient("no file is taken here".to_owned()))
    }
}

/// Why an engine did not deliver.
#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    /// This request can never be rendered by this engine; the text may be shown to the customer.
    #[error("the engine rejected the request: {0}")]
    Rejected(String),
    /// It may work another time or on another machine.
    #[error("the engine failed: {0}")]
    Transient(String),
    /// This worker cannot render at the moment, whatever the request: the job is as good as new.
    #[error("the engine is not available: {0}")]
    Unavailable(String),
    /// What is asked for is not allowed by those who render it.
    #[error("the engine's moderation refused the request")]
    InputModerated,
    /// What was rendered is not allowed by those who rendered it.
    #[error("the engine's moderation refused the video")]
    OutputModerated,
    /// It was told to stop.
    #[error("the engine was stopped")]
    Stopped,
}
