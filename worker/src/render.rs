//! The first stage: an engine on a thread of its own, whose frames and sound flow on while it draws.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::anyhow;
use tokio::sync::{mpsc, oneshot};
use tracing::{Span, dispatcher};

use crate::engine::{Engine, EngineError, Frame, FrameSink, Request, Sound, Watch};
use crate::fault::Fault;
use crate::gpu::Held;
use crate::pipeline::RENDER_FAILED;
use crate::postprocess::{Footage, Piece, decode};

/// Frames, or stretches of sound, between engine and encoder: enough to even out their speeds, 50 MB at 1080p.
const PIECES_BUFFERED: usize = 8;

/// An engine at work. In the end it says how long the GPU was held.
pub(crate) type Rendering = futures::future::BoxFuture<'static, Result<Duration, Fault>>;

/// Starts the engine. The GPU is free again as soon as the engine has ended or handed a file over, whatever happens to
/// its frames.
pub(crate) fn start(
    engine: Arc<dyn Engine>,
    request: Request,
    watch: Watch,
    gpu: Held,
    scratch: PathBuf,
) -> std::io::Result<(Footage, Rendering)> {
    let (sender, stream) = mpsc::channel(PIECES_BUFFERED);
    let (report, ended) = oneshot::channel();
    let footage = Footage { fps: request.fps, frames: request.frames, engine: engine.name().to_owned(), stream };
    // What the engine logs belongs to the attempt.
    let (span, log) = (Span::current(), dispatcher::get_default(Clone::clone));
    std::thread::Builder::new().name("render".to_owned()).spawn(move || {
        let gpu = Gpu::InUse(gpu);
        let mut out = Channel { sender, fps: request.fps, frames: request.frames, gpu, scratch };
        let render = || span.in_scope(|| engine.render(&request, &watch, &mut out));
        let rendered = catch_unwind(AssertUnwindSafe(|| dispatcher::with_default(&log, render)));
        let held = out.gpu.free();
        // Nobody listens any more when the attempt was given up.
        let rendered = rendered.unwrap_or_else(|_| Err(EngineError::Transient("it panicked".to_owned())));
        let _ = report.send(rendered.map(|()| held));
    })?;
    Ok((footage, Box::pin(async move { judge(ended.await.map_err(|_| died())?) })))
}

/// A GPU while the engine needs it, and then how long it was held.
enum Gpu {
    InUse(Held),
    Free(Duration),
}

impl Gpu {
    fn free(&mut self) -> Duration {
        let held = match self {
            Self::InUse(gpu) => gpu.busy_for(),
            Self::Free(held) => *held,
        };
        *self = Self::Free(held);
        held
    }
}

struct Channel {
    sender: mpsc::Sender<Piece>,
    fps: u32,
    frames: u32,
    gpu: Gpu,
    scratch: PathBuf,
}

impl Channel {
    fn send(&self, piece: Piece) -> Result<(), EngineError> {
        self.sender.blocking_send(piece).map_err(|_| EngineError::Stopped)
    }
}

impl FrameSink for Channel {
    fn push(&mut self, frame: Frame) -> Result<(), EngineError> {
        self.send(Piece::Frame(frame))
    }

    fn sound(&mut self, sound: Sound) -> Result<(), EngineError> {
        if sound.samples.len() > Sound::SAMPLES_MAX {
            let limit = Sound::SAMPLES_MAX;
            return Err(EngineError::Transient(format!("it delivered more than {limit} samples of sound at once")));
        }
        self.send(Piece::Sound(sound))
    }

    fn scratch(&self) -> Option<&Path> {
        Some(&self.scratch)
    }

    fn file(&mut self, path: &Path) -> Result<(), EngineError> {
        self.gpu.free();
        decode::decode(path, self.frames, self.fps, self)
    }
}

/// What customers read of a request that was refused by those who should render it.
const INPUT_MODERATED: &str =
    "The prompt or an image was refused by the model's moderation. Change the request before submitting it again.";
/// What customers read of a video that was refused by those who rendered it.
const OUTPUT_MODERATED: &str =
    "The video was refused by the model's moderation. Change the request before submitting it again.";

fn died() -> Fault {
    Fault::transient("render_failed", RENDER_FAILED, anyhow!("the engine's thread died"))
}

fn judge(rendered: Result<Duration, EngineError>) -> Result<Duration, Fault> {
    match rendered {
        // Whoever stopped it knows why: the attempt was given up, or its frames could not be encoded.
        Err(EngineError::Stopped) => Ok(Duration::ZERO),
        Ok(held) => Ok(held),
        Err(EngineError::Rejected(reason)) => {
            Err(Fault::permanent("rejected_by_engine", reason.clone(), EngineError::Rejected(reason)))
        }
        Err(error @ EngineError::Unavailable(_)) => Err(Fault::of_this_worker("engine_unavailable", error)),
        Err(error @ EngineError::InputModerated) => Err(Fault::permanent("input_moderated", INPUT_MODERATED, error)),
        Err(error @ EngineError::OutputModerated) => Err(Fault::permanent("output_moderated", OUTPUT_MODERATED, error)),
        Err(error @ EngineError::Transient(_)) => Err(Fault::transient("render_failed", RENDER_FAILED, error)),
    }
}

#[cfg(test)]
mod tests {
    use futures::FutureExt as _;

    use super::*;
    use crate::gpu::Gpus;

    #[tokio::test]
    async fn the_gpu_is_free_as_soon_as_a_file_is_handed_over() {
        let gpus = Gpus::new(1, 3);
        let held = gpus.take().await.expect("a GPU");
        let (sender, _stream) = mpsc::channel(1);
        let scratch = PathBuf::new();
        let mut out = Channel { sender, fps: 24, frames: 24, gpu: Gpu::InUse(held), scratch };
        assert!(gpus.take().now_or_never().is_none());
        assert!(matches!(out.file(Path::new("/nowhere/at/all")), Err(EngineError::Transient(_))));
        assert!(gpus.take().now_or_never().is_some());
    }

    #[test]
    fn too_much_sound_at_once_is_refused() {
        let (sender, _stream) = mpsc::channel(1);
        let (gpu, scratch) = (Gpu::Free(Duration::ZERO), PathBuf::new());
        let mut out = Channel { sender, fps: 24, frames: 24, gpu, scratch };
        let sound = |count| Sound { rate: 48_000, channels: 1, samples: vec![0.0; count] };
        assert!(matches!(out.sound(sound(Sound::SAMPLES_MAX + 1)), Err(EngineError::Transient(_))));
        assert!(out.sound(sound(Sound::SAMPLES_MAX)).is_ok());
    }
}
