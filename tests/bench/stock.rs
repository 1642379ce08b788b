//! apalis-postgres as it comes: its own tables, its own queue, a handler that does nothing.

use std::time::{Duration, Instant};

use anyhow::Result;
use apalis::layers::WorkerBuilderExt as _;
use apalis::prelude::{BackendExt as _, Data, TaskBuilder, WorkerBuilder};
use apalis_postgres::{Config, PostgresStorage, queries};
use clipmill_shared::db::PgPool;
use tokio::sync::mpsc::UnboundedSender;
use tokio_util::task::AbortOnDropHandle;
use uuid::Uuid;

/// How it is set up, for readers.
pub(crate) const HOW: &str = "apalis-postgres 1.0 with_pubsub, interval 1 s, batch_size 1";

/// Its pubsub alone can lose a wake-up.
const INTERVAL: Duration = Duration::from_secs(1);

/// Makes its tables.
pub(crate) async fn set_up(pool: &PgPool) -> Result<()> {
    Ok(PostgresStorage::<()>::setup(pool).await?)
}

/// The name of a queue that no worker before has served: what one that was ended still takes would be missing.
pub(crate) fn new_queue() -> String {
    format!("bench-{}", Uuid::now_v7())
}

/// Puts tasks into a queue, in one statement and one transaction.
pub(crate) async fn push(pool: &PgPool, queue: &str, count: u32) -> Result<()> {
    let tasks = (0..count).map(|number| Ok(TaskBuilder::new(serde_json::to_vec(&number)?).build()));
    let tasks = tasks.collect::<Result<Vec<_>>>()?;
    let mut connection = pool.acquire().await?;
    queries::push_tasks(&mut *connection, queue, tasks).await?;
    Ok(())
}

/// A worker that says of each task when its handler started. It ends with the value.
pub(crate) fn work(
    pool: &PgPool,
    queue: &str,
    concurrency: usize,
    started: UnboundedSender<Instant>,
) -> AbortOnDropHandle<()> {
    let config = Config::default().queue(queue).batch_size(1);
    let storage = PostgresStorage::<u32>::new(pool).with_config(config).with_pubsub().poll_with_interval(INTERVAL);
    // The name of an earlier worker would be taken for it.
    let worker = WorkerBuilder::new(format!("bench-{}", Uuid::now_v7()).as_str())
        .backend(storage)
        .concurrency(concurrency)
        .data(started)
        .build(handle);
    AbortOnDropHandle::new(tokio::spawn(async move {
        if let Err(error) = worker.run().await {
            eprintln!("apalis' worker ended: {error}");
        }
    }))
}

async fn handle(_: u32, started: Data<UnboundedSender<Instant>>) {
    // Nobody listens any more when the measurement is over.
    let _ = started.send(Instant::now());
}
