//! The first stage: an engine on a thread of its own, whose frames flow on while it draws.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Duration;

use anyhow::anyhow;
use tokio::sync::{mpsc, oneshot};

use crate::engine::{Engine, EngineError, Frame, FrameSink, Request, Watch};
use crate::fault::Fault;
use crate::gpu::Held;
use crate::pipeline::RENDER_FAILED;
use crate::postprocess::Footage;

/// Frames between engine and encoder: enough to even out their speeds, 50 MB at 1080p.
const FRAMES_BUFFERED: usize = 8;

/// An engine at work. In the end it says how long the GPU was held.
pub(crate) type Rendering = futures::future::BoxFuture<'static, Result<Duration, Fault>>;

/// Starts the engine. The GPU is free again as soon as the engine has ended, whatever happens to its frames.
pub(crate) fn start(
    engine: Arc<dyn Engine>,
    request: Request,
    watch: Watch,
    gpu: Held,
) -> std::io::Result<(Footage, Rendering)> {
    let (sender, stream) = mpsc::channel(FRAMES_BUFFERED);
    let (report, ended) = oneshot::channel();
    let footage = Footage { fps: request.fps, frames: request.frames, engine: engine.name().to_owned(), stream };
    std::thread::Builder::new().name("render".to_owned()).spawn(move || {
        let rendered = catch_unwind(AssertUnwindSafe(|| engine.render(&request, &watch, &mut Channel(sender))));
        let held = gpu.busy_for();
        drop(gpu);
        // Nobody listens any more when the attempt was given up.
        let rendered = rendered.unwrap_or_else(|_| Err(EngineError::Transient("it panicked".to_owned())));
        let _ = report.send(rendered.map(|()| held));
    })?;
    Ok((footage, Box::pin(async move { judge(ended.await.map_err(|_| died())?) })))
}

struct Channel(mpsc::Sender<Frame>);

impl FrameSink for Channel {
    fn push(&mut self, frame: Frame) -> Result<(), EngineError> {
        self.0.blocking_send(frame).map_err(|_| EngineError::Stopped)
    }
}

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
        Err(error @ EngineError::Transient(_)) => Err(Fault::transient("render_failed", RENDER_FAILED, error)),
    }
}
