//! The `export` worker: makes archives of all that is held about an account.
//!
//! Rows and media stream from the ledger and the store through the archive into the store again: however much an account has, a few
//! MiB of it are in memory.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, ensure};
use apalis::prelude::Data;
use clipmill_shared::accounts::export::{self, Export};
use clipmill_shared::db;
use clipmill_shared::jobs::retry;
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use crate::env::Env;
use crate::feed::Source;

mod archive;
mod content;
mod page;

use archive::Archive;

const POLL: Duration = Duration::from_secs(2);
/// In this time an archive that is being made is renewed, or another worker begins it anew.
const LEASE: Duration = Duration::from_secs(60);

/// The archives that were asked for.
pub(crate) struct Requests {
    env: Arc<Env>,
}

impl Requests {
    /// Those of the whole ledger.
    pub(crate) fn new(env: Arc<Env>) -> Self {
        Self { env }
    }
}

impl Source for Requests {
    type Item = Export;

    async fn fetch(&self, stop: &CancellationToken) -> Vec<Export> {
        loop {
            match db::within(export::claim(&self.env.pool, LEASE)).await {
                Ok(Some(export)) => return vec![export],
                Ok(None) => {}
                Err(error) => warn!(%error, "Could not look for exports that were asked for, trying again"),
            }
            tokio::select! {
                () = stop.cancelled() => return Vec::new(),
                () = tokio::time::sleep(POLL) => {}
            }
        }
    }

    async fn give_back(&self, exports: Vec<Export>) {
        for export in exports {
            again(&self.env, &export, Duration::ZERO).await;
        }
    }
}

/// Makes one archive.
pub(crate) async fn make(export: Export, env: Data<Arc<Env>>) {
    attempt(&env, &export).await;
}

/// Makes the archive that is next, and says whether there was one. For tests and tools that go a step at a time.
pub async fn step(env: &Arc<Env>) -> anyhow::Result<bool> {
    let Some(export) = export::claim(&env.pool, LEASE).await? else { return Ok(false) };
    attempt(env, &export).await;
    Ok(true)
}

async fn attempt(env: &Env, export: &Export) {
    let made = tokio::select! {
        made = archive(env, export) => made,
        () = lost(env, export) => return info!(export.id = %export.id, "Another worker has the export, or nobody wants it any more"),
        () = env.stop.cancelled() => return again(env, export, Duration::ZERO).await,
    };
    match made {
        Ok(size_bytes) => finish(env, export, size_bytes).await,
        Err(error) => {
            warn!(export.id = %export.id, error = format!("{error:#}"), "Could not make an export, trying again later");
            again(env, export, retry::back_off(export.attempt, rand::random())).await;
        }
    }
}

/// Renews the archive's lease, and ends when it is somebody else's.
async fn lost(env: &Env, export: &Export) {
    loop {
        tokio::time::sleep(LEASE / 4).await;
        match db::within(export::renew(&env.pool, export, LEASE)).await {
            Ok(true) => {}
            Ok(false) => return,
            Err(error) => warn!(export.id = %export.id, %error, "Could not renew an export, trying again"),
        }
    }
}

/// Makes the archive and stores it; says how large it is.
async fn archive(env: &Env, export: &Export) -> anyhow::Result<u64> {
    let (archive, bytes) = Archive::open();
    let (key, content) = (export.key(), content::write(env, export, archive));
    let stored = async { env.storage.put_stream(&key, "application/zip", bytes).await.context("cannot store it") };
    let ((), size_bytes) = tokio::try_join!(content, stored)?;
    ensure!(size_bytes > 0, "the archive is empty");
    Ok(size_bytes)
}

async fn finish(env: &Env, export: &Export, size_bytes: u64) {
    let size = i64::try_from(size_bytes).unwrap_or(i64::MAX);
    match db::within(export::complete(&env.pool, export, size)).await {
        Ok(true) => {
            info!(export.id = %export.id, account.id = %export.account_id, size_bytes, "Made an export");
            metrics::counter!("clipmill_exports_total").increment(1);
        }
        Ok(false) => info!(export.id = %export.id, "The export was somebody else's when it was finished"),
        Err(error) => warn!(export.id = %export.id, %error, "Could not complete an export, it will be made again"),
    }
}

async fn again(env: &Env, export: &Export, pause: Duration) {
    if let Err(error) = db::within(export::retry(&env.pool, export, pause)).await {
        warn!(export.id = %export.id, %error, "Could not give an export back, it is due again by itself");
    }
}
