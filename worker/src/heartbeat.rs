//! Keeping a lease: renewals, progress, and the news that the work is not wanted any more.

use std::time::Duration;

use clipmill_shared::id::JobId;
use clipmill_shared::jobs::lease::{Lease, LeaseError};
use tokio::sync::broadcast;
use tokio::time::{Instant, MissedTickBehavior, interval};
use tracing::warn;

use crate::engine::Watch;
use crate::env::Env;

/// Progress is written at most this often.
const TICK: Duration = Duration::from_secs(1);

/// Keeps the lease for as long as it can be kept; comes back when it is lost.
///
/// Runs on the runtime while the engine runs on its own thread, so a busy engine misses no renewal. While the
/// database is away it goes on until the lease could have lapsed.
pub(crate) async fn keep(lease: &Lease, env: &Env, mut halt: broadcast::Receiver<Option<JobId>>, watch: &Watch) {
    let mut tick = interval(TICK.min(lease.lasts() / 3));
    tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let (mut renewed, mut told) = (Instant::now(), 0);
    loop {
        let rung = tokio::select! {
            _ = tick.tick() => false,
            () = rings_for(&mut halt, lease.job().id) => true,
            () = watch.moved() => false,
        };
        let left = lease.lasts().saturating_sub(renewed.elapsed());
        if !note(lease, env, watch, left).await {
            return;
        }
        let percent = watch.percent();
        if !rung && percent == told && renewed.elapsed() < lease.lasts() / 3 {
            continue;
        }
        let asked = Instant::now();
        let left = lease.lasts().saturating_sub(renewed.elapsed());
        match tokio::time::timeout(left, lease.renew(&env.pool, percent)).await {
            Ok(Ok(())) => {
                if percent != told {
                    env.changes.changed(lease.job().id);
                }
                (renewed, told) = (asked, percent);
            }
            Ok(Err(LeaseError::Lost)) => return,
            Ok(Err(LeaseError::Database(error))) => warn!(job.id = %lease.job().id, %error, "Could not renew a lease"),
            Err(_) => warn!(job.id = %lease.job().id, "Renewing a lease took too long"),
        }
        if renewed.elapsed() >= lease.lasts() {
            return;
        }
    }
}

/// Writes down where the render goes on, if that is news; what cannot be written is tried again with the next beat. False says
/// that the lease is lost.
pub(crate) async fn note(lease: &Lease, env: &Env, watch: &Watch, left: Duration) -> bool {
    let Some(remote) = watch.unnoted() else { return true };
    match tokio::time::timeout(left, lease.note_remote(&env.pool, remote.as_ref())).await {
        Ok(Ok(())) => watch.noted(&remote),
        Ok(Err(LeaseError::Lost)) => return false,
        Ok(Err(LeaseError::Database(error))) => {
            warn!(job.id = %lease.job().id, %error, "Could not note where a render goes on, trying again");
        }
        Err(_) => warn!(job.id = %lease.job().id, "Noting where a render goes on took too long"),
    }
    true
}

/// Comes back when somebody wants the job's worker to look at its lease, or when such a wish may have been missed.
async fn rings_for(halt: &mut broadcast::Receiver<Option<JobId>>, job: JobId) {
    loop {
        match halt.recv().await {
            Ok(Some(named)) if named != job => {}
            Ok(_) | Err(broadcast::error::RecvError::Lagged(_)) => return,
            Err(broadcast::error::RecvError::Closed) => std::future::pending().await,
        }
    }
}
