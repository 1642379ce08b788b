//! The `expire` worker: objects whose time is over are removed.

use std::sync::Arc;
use std::time::Duration;

use apalis::prelude::Data;
use clipmill_shared::db::{self, Error};
use clipmill_shared::jobs::removal::{self, Removal};
use clipmill_shared::jobs::retry;
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use crate::env::Env;
use crate::feed::Source;
use crate::sweep;

const BATCH: i64 = 100;
const POLL: Duration = Duration::from_secs(1);
/// In this time a claimed removal is settled, or it is due again.
const PATIENCE: Duration = Duration::from_secs(300);

/// The timers that are due.
pub(crate) struct Timers {
    env: Arc<Env>,
}

impl Timers {
    /// The timers of the whole ledger.
    pub(crate) fn new(env: Arc<Env>) -> Self {
        Self { env }
    }
}

impl Source for Timers {
    type Item = Removal;

    async fn fetch(&self, stop: &CancellationToken) -> Vec<Removal> {
        loop {
            match due(&self.env).await {
                Ok(due) if !due.is_empty() => return due,
                Ok(_) => {}
                Err(error) => warn!(%error, "Could not look for what is due, trying again"),
            }
            tokio::select! {
                () = stop.cancelled() => return Vec::new(),
                () = tokio::time::sleep(POLL) => {}
            }
        }
    }

    async fn give_back(&self, removals: Vec<Removal>) {
        for removal in removals {
            postpone(&self.env, &removal, Duration::ZERO).await;
        }
    }
}

async fn due(env: &Env) -> Result<Vec<Removal>, Error> {
    db::within(removal::claim(&env.pool, BATCH, PATIENCE)).await
}

/// Carries out one removal.
pub(crate) async fn remove(removal: Removal, env: Data<Arc<Env>>) {
    carry_out(&env, &removal).await;
}

/// Sweeps, removes all that is due, and says how many removals there were. For tests and tools that go a step at a time.
pub async fn step(env: &Arc<Env>) -> anyhow::Result<usize> {
    sweep::report(env).await?;
    sweep::once(env).await;
    let due = due(env).await?;
    for removal in &due {
        carry_out(env, removal).await;
    }
    Ok(due.len())
}

/// Objects first, then the row that says so.
async fn carry_out(env: &Env, removal: &Removal) {
    match env.storage.remove_prefix(&removal.prefix).await {
        Ok(objects) => {
            info!(removal.prefix = %removal.prefix, reason = ?removal.reason, objects, "Removed objects");
            metrics::counter!("clipmill_objects_removed_total").increment(objects as u64);
            if let Err(error) = db::within(removal::settle(&env.pool, removal)).await {
                warn!(removal.prefix = %removal.prefix, %error, "Could not settle a removal, it will be done again");
            }
        }
        Err(error) => {
            warn!(removal.prefix = %removal.prefix, %error, "Could not remove objects, trying again later");
            postpone(env, removal, retry::back_off(removal.attempt, rand::random())).await;
        }
    }
}

async fn postpone(env: &Env, removal: &Removal, pause: Duration) {
    if let Err(error) = db::within(removal::postpone(&env.pool, removal, pause)).await {
        warn!(removal.prefix = %removal.prefix, %error, "Could not postpone a removal, it is due again by itself");
    }
}
