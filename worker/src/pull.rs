//! The `render` worker: a GPU first, then a job for it.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use apalis::prelude::Data;
use clipmill_shared::db;
use clipmill_shared::id::JobId;
use clipmill_shared::jobs::Job;
use clipmill_shared::jobs::lease::{self, Ability, Lease};
use tokio::sync::{Mutex, broadcast, watch};
use tokio_util::sync::CancellationToken;
use tracing::warn;

use crate::env::Env;
use crate::feed::{Source, wait};
use crate::gpu::Held;
use crate::{former, pipeline};

/// How long to wait for a bell before looking anyway: a bell can be missed, and the end of a pause rings none.
const POLL: Duration = Duration::from_secs(1);

/// A GPU and a job to render on it.
pub(crate) struct Turn {
    pub(crate) gpu: Held,
    pub(crate) lease: Lease,
    /// Hears of cancellation since before the lease was taken, so that none is missed.
    pub(crate) halt: broadcast::Receiver<Option<JobId>>,
}

/// The queued jobs of the ledger.
pub(crate) struct Queue {
    env: Arc<Env>,
    bell: Mutex<watch::Receiver<()>>,
}

impl Queue {
    /// The jobs that `env` may serve.
    pub(crate) fn new(env: Arc<Env>) -> Self {
        let bell = Mutex::new(env.bells.queued());
        Self { env, bell }
    }
}

impl Source for Queue {
    type Item = Turn;

    async fn fetch(&self, stop: &CancellationToken) -> Vec<Turn> {
        let gpu = tokio::select! {
            // A GPU that is freed by the end of the last job is no reason to take another.
            biased;
            () = stop.cancelled() => return Vec::new(),
            gpu = self.env.gpus.take() => gpu,
        };
        // The semaphore is never closed; if it were, there would be nothing to render on.
        let Ok(mut gpu) = gpu else { return Vec::new() };
        let mut bell = self.bell.lock().await;
        loop {
            bell.mark_unchanged();
            let rest = self.env.rest_left();
            if !rest.is_zero() && !wait(&mut bell, rest, stop).await {
                return Vec::new();
            }
            if !self.env.rest_left().is_zero() {
                continue;
            }
            let halt = self.env.bells.halt();
            match claim(&self.env, &mut gpu).await {
                Ok(Some(lease)) => return vec![Turn { gpu, lease, halt }],
                Ok(None) => {}
                Err(error) => warn!(%error, "Could not ask for a job, trying again"),
            }
            if !wait(&mut bell, POLL, stop).await {
                return Vec::new();
            }
        }
    }

    async fn give_back(&self, turns: Vec<Turn>) {
        for turn in turns {
            let job = turn.lease.job().id;
            if let Err(error) = turn.lease.release(&self.env.pool).await {
                warn!(job.id = %job, %error, "Could not give a job back, its lease will lapse");
            }
        }
    }
}

async fn claim(env: &Env, gpu: &mut Held) -> Result<Option<Lease>, db::Error> {
    let tiers = env.ready_tiers();
    if tiers.is_empty() {
        return Ok(None);
    }
    let preferred = gpu.preferred(&env.engines, &tiers);
    let ability = Ability { tiers: &tiers, preferred: &preferred, codecs: env.codecs() };
    let claimed = match former::reclaim(env, &tiers).await? {
        None => db::within(lease::claim(&env.pool, ability, &env.name, env.config.lease())).await?,
        taken => taken,
    };
    if let Some(engine) = claimed.as_ref().and_then(|lease| env.engines.get(&lease.job().tier)) {
        gpu.takes(engine);
    }
    claimed.iter().for_each(|lease| note_wait(lease.job()));
    Ok(claimed)
}

/// How long a job waited for its first attempt, by the ledger's clock.
fn note_wait(job: &Job) {
    let Some(started_at) = job.started_at.filter(|_| job.attempt == 1) else { return };
    let waited = (started_at - job.run_at).to_std().unwrap_or_default();
    metrics::histogram!("clipmill_wait_seconds", "tier" => job.tier.as_str()).record(waited.as_secs_f64());
}

/// Takes one turn to its end.
pub(crate) async fn render(turn: Turn, env: Data<Arc<Env>>) {
    pipeline::run(&env, turn).await;
}

/// Takes the next job to its end, if there is one. For tests and tools that go a step at a time.
pub async fn step(env: &Arc<Env>) -> anyhow::Result<bool> {
    let mut gpu = env.gpus.take().await?;
    let halt = env.bells.halt();
    let Some(lease) = claim(env, &mut gpu).await.context("cannot ask for a job")? else { return Ok(false) };
    pipeline::run(env, Turn { gpu, lease, halt }).await;
    Ok(true)
}
