//! Before the first job: the engine of the first tier gets ready, on the GPU that it will use.

use std::sync::Arc;
use std::time::Instant;

use anyhow::Context as _;
use tracing::info;

use crate::engine::EngineError;
use crate::env::Env;
use crate::gpu::Held;

/// Readies the engine while it holds `gpu`, so that no job is taken for it meanwhile. Fails if that engine could not render;
/// then the worker stops, before it has cost a job an attempt.
pub(crate) async fn up(env: Arc<Env>, mut gpu: Held) -> anyhow::Result<()> {
    let (started, watch) = (Instant::now(), env.warm_up.clone());
    let tier = env.tiers().first().copied();
    let Some(engine) = tier.and_then(|tier| env.engines.get(&tier).cloned()) else { return Ok(()) };
    gpu.takes(&engine);
    let name = engine.name().to_owned();
    let mut warmed = tokio::task::spawn_blocking({
        let watch = watch.clone();
        move || (engine.warm_up(&watch), gpu)
    });
    let ended = tokio::select! {
        ended = &mut warmed => ended,
        () = env.stop.cancelled() => {
            watch.stop();
            warmed.await
        }
    };
    let (warmed, gpu) = ended.inspect_err(|_| env.stop.cancel()).context("the engine panicked while it got ready")?;
    match warmed {
        Err(EngineError::Stopped) => return Ok(()),
        warmed => warmed.inspect_err(|_| env.stop.cancel()).context("the engine could not get ready")?,
    }
    watch.progress(1, 1);
    drop(gpu);
    info!(engine.name = name, seconds = started.elapsed().as_secs_f64(), "The engine is ready");
    Ok(())
}
