//! What happens to the hosts: one is cut off, one is slow, one dies, and one API cannot be reached.

use std::time::{Duration, Instant};

use anyhow::Result;
use clipmill_shared::db::PgPool;
use clipmill_tests::process::until;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::clients::Clients;
use crate::site::{Site, Worker};

/// What the slow host's cable lets through, in kbit/s.
const SLOW: u32 = 1000;
/// How many submits have to miss an API before it is back.
const MISSES: usize = 3;
const POLL: Duration = Duration::from_millis(10);

/// What happened, and when.
pub(crate) struct Weather<'a> {
    pool: PgPool,
    clients: &'a Clients,
    started: Instant,
    happened: Vec<Value>,
}

/// An attempt at a job.
#[derive(Debug, sqlx::FromRow)]
struct Attempt {
    id: Uuid,
    attempt: i32,
}

impl<'a> Weather<'a> {
    /// Fair weather.
    pub(crate) fn new(site: &Site, clients: &'a Clients) -> Self {
        Self { pool: site.pool.clone(), clients, started: Instant::now(), happened: Vec::new() }
    }

    /// Lets everything happen, one after the other, and tells what did.
    pub(crate) async fn rage(mut self, site: &mut Site) -> Result<Vec<Value>> {
        let [a, b, c] = &mut site.workers;
        b.host.slow_down(SLOW).await?;
        self.note("worker-b is slow");
        self.cut_off(a).await?;
        self.note("worker-a is cut off, and what it had is in other hands");
        site.apis[0].cut().await?;
        self.note("api-1 is cut off");
        self.customers_miss_an_api().await;
        a.host.mend().await?;
        self.note("worker-a is back");
        self.kill(c).await?;
        self.note("worker-c is dead, and what it had is in other hands");
        site.apis[0].mend().await?;
        self.note("api-1 is back");
        Ok(self.happened)
    }

    fn note(&mut self, what: &str) {
        self.happened.push(json!({ "second": self.started.elapsed().as_secs_f64(), "what": what }));
    }

    /// Cuts a worker off while it has a job, and leaves it so.
    async fn cut_off(&self, worker: &Worker) -> Result<()> {
        loop {
            let had = self.in_hand(worker).await?;
            worker.host.cut().await?;
            if self.is_taken_over(&had).await? {
                return Ok(());
            }
            worker.host.mend().await?;
        }
    }

    /// Kills a worker while it has a job.
    async fn kill(&self, worker: &mut Worker) -> Result<()> {
        loop {
            let had = self.in_hand(worker).await?;
            worker.kill().await?;
            if self.is_taken_over(&had).await? {
                return Ok(());
            }
            worker.hire()?;
        }
    }

    /// Waits until a worker has a job.
    async fn in_hand(&self, worker: &Worker) -> Result<Attempt> {
        let statement = "select id, attempt from jobs where status = 'in_progress' and left(worker, -33) = $1";
        loop {
            let found = sqlx::query_as(statement).bind(worker.host.name).fetch_optional(&self.pool).await?;
            match found {
                Some(attempt) => return Ok(attempt),
                None => tokio::time::sleep(POLL).await,
            }
        }
    }

    /// Waits until an attempt was followed by another; not so if it had succeeded before it could be harmed.
    async fn is_taken_over(&self, had: &Attempt) -> Result<bool> {
        let statement = "select attempt > $2 from jobs where id = $1 and (attempt > $2 or status = 'completed')";
        loop {
            let end: Option<bool> =
                sqlx::query_scalar(statement).bind(had.id).bind(had.attempt).fetch_optional(&self.pool).await?;
            match end {
                Some(is_taken_over) => return Ok(is_taken_over),
                None => tokio::time::sleep(POLL).await,
            }
        }
    }

    async fn customers_miss_an_api(&self) {
        let before = self.clients.unanswered();
        until("submits that miss an API", async || self.clients.unanswered() >= before + MISSES).await;
    }
}

/// Waits until no job is left to do.
pub(crate) async fn calm(pool: &PgPool) -> Result<()> {
    let left = "select count(*) from jobs where status in ('queued', 'in_progress')";
    while sqlx::query_scalar::<_, i64>(left).fetch_one(pool).await? > 0 {
        tokio::time::sleep(POLL).await;
    }
    Ok(())
}
