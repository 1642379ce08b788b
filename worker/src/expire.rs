//! The `expire` worker: objects whose time is over are removed, many videos at a time. Objects first, then the rows that say so.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use apalis::prelude::Data;
use clipmill_shared::db::{self, Error};
use clipmill_shared::id::RemovalId;
use clipmill_shared::jobs::removal::{self, Reason, Removal};
use clipmill_shared::jobs::retry;
use clipmill_shared::storage::{PAGE, Storage, StorageError};
use futures::{FutureExt as _, StreamExt as _, stream};
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use crate::env::Env;
use crate::feed::Source;
use crate::sweep;

/// Removals that are taken, and settled, together.
const BATCH: i64 = 500;
const POLL: Duration = Duration::from_secs(1);
/// In this time a claimed removal is settled, or it is due again.
const PATIENCE: Duration = Duration::from_secs(300);
/// What the store has of it.
const STORE_PATIENCE: Duration = Duration::from_secs(240);
/// Listings under way at the same time.
const LISTINGS_AT_ONCE: usize = 16;
/// Requests under way at the same time that remove a page of objects each.
const REMOVALS_AT_ONCE: usize = 4;
/// The longest rest after a batch.
const REST_MAX: Duration = Duration::from_secs(5);

/// Removals that were taken together.
pub(crate) type Batch = Vec<Removal>;

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
    type Item = Batch;

    async fn fetch(&self, stop: &CancellationToken) -> Vec<Batch> {
        loop {
            match due(&self.env).await {
                Ok(due) if !due.is_empty() => return vec![due],
                Ok(_) => {}
                Err(error) => warn!(%error, "Could not look for what is due, trying again"),
            }
            tokio::select! {
                () = stop.cancelled() => return Vec::new(),
                () = tokio::time::sleep(POLL) => {}
            }
        }
    }

    async fn give_back(&self, batches: Vec<Batch>) {
        for batch in batches {
            if let Err(error) = db::within(removal::release(&self.env.pool, &batch)).await {
                warn!(%error, "Could not give removals back, they are due again by themselves");
            }
        }
    }
}

async fn due(env: &Env) -> Result<Batch, Error> {
    db::within(removal::claim(&env.pool, BATCH, PATIENCE)).await
}

/// Carries out a batch. Afterwards it rests for as long as the ledger was busy with it, so that a million timers that are due at once
/// leave the ledger to those who wait for a video.
pub(crate) async fn remove(batch: Batch, env: Data<Arc<Env>>) {
    let busy = carry_out(&env, &batch).await;
    tokio::select! {
        () = env.stop.cancelled() => {}
        () = tokio::time::sleep(busy.min(REST_MAX)) => {}
    }
}

/// Carries out all that is due as the worker does, with its rests, and says how many removals there were. For measurements.
pub async fn drain(env: &Arc<Env>) -> anyhow::Result<usize> {
    let mut removals = 0;
    loop {
        let due = due(env).await?;
        if due.is_empty() {
            return Ok(removals);
        }
        removals += due.len();
        remove(due, Data::new(env.clone())).await;
    }
}

/// Sweeps, removes all that is due, and says how many removals there were. For tests and tools that go a step at a time.
pub async fn step(env: &Arc<Env>) -> anyhow::Result<usize> {
    sweep::report(env).await?;
    sweep::once(env).await;
    let due = due(env).await?;
    carry_out(env, &due).await;
    Ok(due.len())
}

/// Removes the objects of a batch, then settles it: what the store refused is put off, all else is done. Says how long the ledger took.
async fn carry_out(env: &Env, batch: &[Removal]) -> Duration {
    let removed = tokio::time::timeout(STORE_PATIENCE, remove_objects(&env.storage, batch)).await;
    let refused = removed.unwrap_or_else(|_| {
        let late = |removal: &Removal| (removal.id, "the store took too long".to_owned());
        batch.iter().map(late).collect()
    });
    let (failed, gone): (Vec<_>, Vec<_>) = batch.iter().partition(|removal| refused.contains_key(&removal.id));
    let began = Instant::now();
    if !gone.is_empty() {
        settle(env, &gone).await;
    }
    if !failed.is_empty() {
        for removal in &failed {
            let (prefix, error) = (&removal.prefix, &refused[&removal.id]);
            warn!(removal.prefix = %prefix, %error, "Could not remove objects, trying again later");
        }
        postpone(env, &failed).await;
    }
    began.elapsed()
}

/// Why objects are still there, by the removal that they belong to.
type Refusals = HashMap<RemovalId, String>;

/// Finds and removes all objects of a batch. Says what the store refused.
async fn remove_objects(storage: &Storage, batch: &[Removal]) -> Refusals {
    let looks: Vec<_> = batch.iter().map(|removal| keys(storage, removal).boxed()).collect();
    let mut found = stream::iter(looks).buffer_unordered(LISTINGS_AT_ONCE);
    let (mut refused, mut objects) = (Refusals::new(), Vec::new());
    while let Some((removal, keys)) = found.next().await {
        match keys {
            Ok(keys) => objects.extend(keys.into_iter().map(|key| (removal, key))),
            Err(error) => drop(refused.insert(removal, error.to_string())),
        }
    }
    let pages: Vec<_> = objects.chunks(PAGE).map(|page| remove_page(storage, page).boxed()).collect();
    let mut pages = stream::iter(pages).buffer_unordered(REMOVALS_AT_ONCE);
    while let Some(page) = pages.next().await {
        refused.extend(page);
    }
    refused
}

/// The keys of the objects that are to go with a removal.
async fn keys(storage: &Storage, removal: &Removal) -> (RemovalId, Result<Vec<String>, StorageError>) {
    (removal.id, look(storage, removal).await)
}

/// The keys, at most a page. What has more than that is removed here and now.
async fn look(storage: &Storage, removal: &Removal) -> Result<Vec<String>, StorageError> {
    if let Some(keys) = &removal.keys {
        return Ok(keys.clone());
    }
    let keys = storage.list(&removal.prefix).await?;
    if keys.len() >= PAGE {
        return storage.remove_prefix(&removal.prefix).await.map(|_| Vec::new());
    }
    // Only whoever did not finish leaves uploads behind that were begun.
    if matches!(removal.reason, Reason::Superseded | Reason::Deleted) {
        storage.abort_uploads(&removal.prefix).await?;
    }
    Ok(keys)
}

async fn remove_page(storage: &Storage, page: &[(RemovalId, String)]) -> Refusals {
    let keys: Vec<String> = page.iter().map(|(_, key)| key.clone()).collect();
    match storage.remove(&keys).await {
        Ok(refused) => {
            metrics::counter!("clipmill_objects_removed_total").increment((keys.len() - refused.len()) as u64);
            let owners: HashMap<&str, RemovalId> = page.iter().map(|(removal, key)| (key.as_str(), *removal)).collect();
            refused.into_iter().filter_map(|refused| Some((*owners.get(refused.key.as_str())?, refused.code))).collect()
        }
        Err(error) => page.iter().map(|(removal, _)| (*removal, error.to_string())).collect(),
    }
}

async fn settle(env: &Env, gone: &[&Removal]) {
    match db::within(removal::settle(&env.pool, gone)).await {
        Ok(()) => info!(removals = gone.len(), "Removed objects"),
        Err(error) => warn!(removals = gone.len(), %error, "Could not settle removals, they will be done again"),
    }
}

async fn postpone(env: &Env, failed: &[&Removal]) {
    let pause = |removal: &Removal| retry::back_off(removal.attempt, rand::random());
    let failed: Vec<_> = failed.iter().map(|removal| (*removal, pause(removal))).collect();
    if let Err(error) = db::within(removal::postpone(&env.pool, &failed)).await {
        warn!(%error, "Could not postpone removals, they are due again by themselves");
    }
}
