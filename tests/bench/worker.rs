//! A whole worker in this process.

use std::sync::Arc;

use anyhow::{Result, ensure};
use clipmill_shared::db::PgPool;
use clipmill_shared::outbound::OutboundConfig;
use clipmill_shared::vault::Vault;
use clipmill_tests::server::worker_config;
use clipmill_worker::Env;
use clipmill_worker::engine::Engine;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::bench::{Bench, Database};
use crate::engines::for_all_tiers;

/// A running worker with one GPU.
pub(crate) struct Worker {
    stop: CancellationToken,
    running: JoinHandle<Result<()>>,
}

impl Worker {
    /// Starts a worker that renders with this engine.
    pub(crate) async fn start(bench: &Bench, database: &Database, engine: Arc<dyn Engine>) -> Result<Self> {
        let (pool, storage, stop) = (database.connect(16).await?, bench.storage().await?, CancellationToken::new());
        let outbound = OutboundConfig::unguarded();
        let env =
            Env::new(pool, storage, Vault::default(), for_all_tiers(engine), worker_config(), &outbound, stop.clone())?;
        Ok(Self { stop, running: tokio::spawn(clipmill_worker::run(Arc::new(env))) })
    }

    /// Fails if the worker has ended by itself.
    pub(crate) fn check(&self) -> Result<()> {
        ensure!(!self.running.is_finished(), "the worker ended");
        Ok(())
    }

    /// Ends the worker in order.
    pub(crate) async fn stop(self) -> Result<()> {
        self.stop.cancel();
        self.running.await?
    }
}

/// How many jobs have not ended.
pub(crate) async fn open_jobs(pool: &PgPool) -> Result<i64> {
    let open = "select count(*) from jobs where status in ('queued', 'in_progress')";
    Ok(sqlx::query_scalar(open).fetch_one(pool).await?)
}
