//! One job's way through the stages: `Lease` ─render─▶ `Footage` ─postprocess─▶ `Clip` ─moderate, upload─▶ `Asset`.
//!
//! The stages run in a task of their own; the lease stays here, so that whatever becomes of them, a panic included,
//! the row is settled.

use std::sync::Arc;
use std::time::{Duration, Instant};

use clipmill_shared::db;
use clipmill_shared::fleet::Pace;
use clipmill_shared::id::JobId;
use clipmill_shared::jobs::Job;
use clipmill_shared::jobs::lease::{Lease, LeaseError};
use clipmill_shared::jobs::removal;
use tokio::sync::broadcast;
use tokio::task::JoinError;
use tracing::{Instrument as _, info, info_span, warn};

use crate::engine::Watch;
use crate::env::Env;
use crate::fault::{Fault, Next};
use crate::gpu::Held;
use crate::postprocess::Recipe;
use crate::pull::Turn;
use crate::upload::Asset;
use crate::{heartbeat, moderate, postprocess, render, source, upload};

/// How an attempt came to its end.
enum End {
    Finished(Result<Made, Fault>),
    /// The lease is not ours any more: cancelled, deleted, or taken by another worker.
    Lost,
    /// The process has to end before the work is done.
    Drained,
}

/// What an attempt made, and how long it held its GPU.
struct Made {
    asset: Asset,
    gpu: Duration,
}

/// Takes a job to the end of this attempt and writes down what came of it.
pub(crate) async fn run(env: &Arc<Env>, Turn { gpu, lease, halt }: Turn) {
    let job = lease.job().clone();
    let span = info_span!("attempt", job.id = %job.id, job.attempt = job.attempt, job.tier = %job.tier);
    async {
        let started = Instant::now();
        env.changes.changed(job.id);
        announce(env, &lease).await;
        let end = work(env, &lease, gpu, halt).await;
        let gpu = if let End::Finished(Ok(made)) = &end { Some(made.gpu) } else { None };
        let outcome = settle(env, lease, &job, end).await;
        env.changes.changed(job.id);
        if let Some(gpu) = gpu.filter(|_| outcome == "completed") {
            let unit_seconds = started.elapsed().as_secs_f64() / job.cost().max(f64::EPSILON);
            env.learn(job.tier, Pace { gpu_seconds: gpu.as_secs_f64(), unit_seconds });
        }
        // The account may run one more now.
        env.bells.ring_queued();
        metrics::counter!("clipmill_attempts_total", "tier" => job.tier.as_str(), "outcome" => outcome).increment(1);
        info!(outcome, elapsed_ms = started.elapsed().as_millis() as u64, "Ended an attempt");
    }
    .instrument(span)
    .await;
}

/// The customer may be told that the work has begun. If that cannot be noted, the work matters more.
async fn announce(env: &Env, lease: &Lease) {
    match db::within(lease.announce(&env.pool)).await {
        // Whoever has the job now has told of it, or will.
        Ok(()) | Err(LeaseError::Lost) => {}
        Err(LeaseError::Database(error)) => warn!(%error, "Could not note that an attempt has begun"),
    }
}

async fn work(env: &Arc<Env>, lease: &Lease, gpu: Held, halt: broadcast::Receiver<Option<JobId>>) -> End {
    let watch = Watch::default();
    let mut stages = tokio::spawn(attempt(env.clone(), lease.job().clone(), gpu, watch.clone()).in_current_span());
    let end = tokio::select! {
        finished = &mut stages => return End::Finished(finished.unwrap_or_else(|panic| Err(panicked(panic)))),
        () = heartbeat::keep(lease, env, halt, &watch) => End::Lost,
        () = drained(env) => End::Drained,
        () = tokio::time::sleep(env.config.attempt()) => End::Finished(Err(overdue())),
    };
    watch.stop();
    stages.abort();
    // Only now is it sure that nothing more is uploaded. The engine's thread ends by itself, within one step.
    let _ = stages.await;
    end
}

/// Comes back when the process shall end and its grace is over.
async fn drained(env: &Env) {
    env.stop.cancelled().await;
    tokio::time::sleep(env.config.grace()).await;
}

/// The stages, in order.
async fn attempt(env: Arc<Env>, job: Job, gpu: Held, watch: Watch) -> Result<Made, Fault> {
    let engine = env.engines.get(&job.tier).cloned();
    let engine = engine
        .ok_or_else(|| Fault::transient("render_failed", RENDER_FAILED, anyhow::anyhow!("no engine for the tier")))?;
    let request = source::request(&env.storage, &job).await?;
    let (footage, rendering) = render::start(engine, request, watch, gpu, env.scratch.path().to_owned())
        .map_err(|error| Fault::transient("render_failed", RENDER_FAILED, error))?;
    let clip =
        timed("postprocess", postprocess::stage::run(footage, Recipe::of(&job), env.scratch.path().to_owned())).await;
    // The engine's word comes first: if it failed, a clip that broke off is only the consequence.
    let gpu = rendering.await?;
    let clip = clip?;
    timed("moderate", moderate::run(&env.moderation, &clip)).await?;
    let asset = timed("upload", upload::run(&env.storage, &job, clip)).await?;
    Ok(Made { asset, gpu })
}

/// What customers read of a renderer's fault.
pub(crate) const RENDER_FAILED: &str = "The video could not be rendered. Submit the request again.";

async fn timed<T>(stage: &'static str, work: impl Future<Output = T>) -> T {
    let started = Instant::now();
    let done = work.await;
    metrics::histogram!("clipmill_stage_seconds", "stage" => stage).record(started.elapsed().as_secs_f64());
    done
}

fn overdue() -> Fault {
    Fault::transient(
        "render_timeout",
        "The video took too long. Submit the request again.",
        anyhow::anyhow!("out of time"),
    )
}

fn panicked(error: JoinError) -> Fault {
    Fault::transient("internal_error", "Something went wrong on our side. Submit the request again.", error)
}

async fn settle(env: &Env, lease: Lease, job: &Job, end: End) -> &'static str {
    let (outcome, settled) = match end {
        End::Finished(Ok(made)) => ("completed", lease.complete(&env.pool, &made.asset.outputs).await),
        End::Finished(Err(fault)) => settle_fault(env, lease, job, fault).await,
        End::Drained => ("released", lease.release(&env.pool).await),
        End::Lost => ("lost", Err(LeaseError::Lost)),
    };
    match settled {
        Ok(()) => outcome,
        Err(LeaseError::Lost) => {
            discard(env, job).await;
            "lost"
        }
        Err(LeaseError::Database(error)) => {
            warn!(%error, "Could not write down the end of an attempt, its lease will lapse");
            "unsettled"
        }
    }
}

async fn settle_fault(env: &Env, lease: Lease, job: &Job, fault: Fault) -> (&'static str, Result<(), LeaseError>) {
    warn!(code = fault.code(), error = format!("{:#}", fault.source()), "An attempt failed");
    match fault.next(job, rand::random()) {
        Next::Retry(pause) => ("retried", lease.retry(&env.pool, pause).await),
        Next::Fail(failure) => ("failed", lease.fail(&env.pool, &failure).await),
        Next::Release => {
            env.rest();
            ("released", lease.release(&env.pool).await)
        }
    }
}

/// The work is not wanted any more: sees to it that what it left in the store goes.
async fn discard(env: &Env, job: &Job) {
    const PATIENCE: Duration = Duration::from_secs(5);
    match tokio::time::timeout(PATIENCE, removal::discard(&env.pool, job)).await {
        Ok(Ok(())) => {}
        Ok(Err(error)) => warn!(%error, "Could not set a timer for the objects of a lost attempt"),
        Err(_) => warn!("Setting a timer for the objects of a lost attempt took too long"),
    }
}
