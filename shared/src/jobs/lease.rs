//! The right to work on one attempt of one job.
//!
//! Every write names the status and the attempt that the worker believes in. Zero rows means that the lease is lost:
//! somebody else has the job, or it has ended, and the worker drops its work.

use std::time::Duration;

use sqlx::{PgConnection, PgPool, Postgres, Transaction};
use tokio::time::Instant;
use tracing::warn;

use super::{Failure, Job, Output, job_query, removal};
use crate::bell;
use crate::db;
use crate::tier::Tier;
use crate::webhooks::event::EventKind;
use crate::webhooks::outbox;

/// How long a finished attempt goes on trying to write down its end while the database is away. The fence, not
/// the clock, decides whether it still may.
const SETTLE_PATIENCE: Duration = Duration::from_secs(600);
const SETTLE_PAUSE: Duration = Duration::from_secs(1);

/// The right to work on one attempt of one job. Whoever holds it ends it in exactly one way.
#[derive(Debug)]
#[must_use = "a lease that is dropped keeps its job waiting until the lease lapses"]
pub struct Lease {
    job: Job,
    lasts: Duration,
}

/// A write that was not done.
#[derive(Debug, thiserror::Error)]
pub enum LeaseError {
    /// The lease is not ours any more.
    #[error("the lease was lost")]
    Lost,
    /// The database did not answer.
    #[error("the database failed: {0}")]
    Database(#[from] sqlx::Error),
}

/// Takes the next job of the tiers, in fair order, for as long as `lasts`; it has to be renewed within that.
pub async fn claim(pool: &PgPool, tiers: &[Tier], worker: &str, lasts: Duration) -> Result<Option<Lease>, sqlx::Error> {
    let claimed = job_query!(
        r#"
        update jobs
        set status = 'in_progress', attempt = attempt + 1, progress = 0, worker = $2,
            lease_until = now() + make_interval(secs => $3), started_at = coalesce(started_at, now())
        where id = (
            select first.id
            from unnest($1::tier[]) as served (tier)
            cross join lateral (
                select id, virtual_start from jobs
                where jobs.tier = served.tier and status = 'queued' and run_at <= now()
                order by virtual_start, id limit 1 for update skip locked
            ) as first
            order by first.virtual_start, first.id limit 1
        )
        returning"#,
        "",
        tiers as _,
        worker,
        lasts.as_secs_f64(),
    );
    Ok(claimed.fetch_optional(pool).await?.map(|job| Lease { job, lasts }))
}

impl Lease {
    /// The job as it was when the lease was taken.
    pub fn job(&self) -> &Job {
        &self.job
    }

    /// How long the lease lasts from each renewal.
    pub fn lasts(&self) -> Duration {
        self.lasts
    }

    /// Keeps the lease and notes how far the work is, 0 to 100.
    pub async fn renew(&self, pool: &PgPool, progress: u32) -> Result<(), LeaseError> {
        let renewed = sqlx::query!(
            r#"
            update jobs set lease_until = now() + make_interval(secs => $3), progress = $4
            where id = $1 and status = 'in_progress' and attempt = $2
            "#,
            self.job.id.uuid(),
            self.job.attempt,
            self.lasts.as_secs_f64(),
            progress.min(100) as i16,
        );
        held(renewed.execute(pool).await?.rows_affected())
    }

    /// The video is in the store: the job is completed, counted, timed and told of, in one transaction.
    pub async fn complete(self, pool: &PgPool, outputs: &[Output]) -> Result<(), LeaseError> {
        self.settle(pool, Settlement::Complete(outputs)).await
    }

    /// There will be no video.
    pub async fn fail(self, pool: &PgPool, failure: &Failure) -> Result<(), LeaseError> {
        self.settle(pool, Settlement::Fail(failure)).await
    }

    /// This attempt came to nothing; another may be made after `pause`.
    pub async fn retry(self, pool: &PgPool, pause: Duration) -> Result<(), LeaseError> {
        self.settle(pool, Settlement::Retry(pause)).await
    }

    /// Gives the job back unharmed, for another worker to take at once. The attempt does not count.
    pub async fn release(self, pool: &PgPool) -> Result<(), LeaseError> {
        self.settle(pool, Settlement::Release).await
    }

    async fn settle(self, pool: &PgPool, settlement: Settlement<'_>) -> Result<(), LeaseError> {
        let started = Instant::now();
        loop {
            match db::within(try_settle(pool, &self.job, settlement)).await {
                Err(LeaseError::Database(error)) if started.elapsed() < SETTLE_PATIENCE => {
                    warn!(job.id = %self.job.id, %error, "Could not write down the end of an attempt, trying again");
                    tokio::time::sleep(SETTLE_PAUSE).await;
                }
                settled => return settled,
            }
        }
    }
}

/// The ways in which an attempt ends.
#[derive(Debug, Clone, Copy)]
pub(super) enum Settlement<'a> {
    Complete(&'a [Output]),
    Fail(&'a Failure),
    Retry(Duration),
    Release,
}

async fn try_settle(pool: &PgPool, job: &Job, settlement: Settlement<'_>) -> Result<(), LeaseError> {
    let mut tx = pool.begin().await?;
    match settle_in(&mut tx, job, settlement, false).await {
        Ok(()) => Ok(tx.commit().await?),
        Err(LeaseError::Lost) => confirm(tx, job, settlement).await,
        Err(error) => Err(error),
    }
}

/// Zero rows after an answer that never came may mean that the first try did it.
async fn confirm(mut tx: Transaction<'_, Postgres>, job: &Job, settlement: Settlement<'_>) -> Result<(), LeaseError> {
    let Settlement::Complete(_) = settlement else { return Err(LeaseError::Lost) };
    let done = sqlx::query_scalar!(
        r#"select exists (select from jobs where id = $1 and attempt = $2 and status in ('completed', 'expired')) as "done!""#,
        job.id.uuid(),
        job.attempt,
    );
    if done.fetch_one(&mut *tx).await? { Ok(()) } else { Err(LeaseError::Lost) }
}

/// Ends an attempt inside a transaction, with all that follows from it. `may_still_write` says that the worker is
/// not known to have stopped.
pub(super) async fn settle_in(
    tx: &mut PgConnection,
    job: &Job,
    settlement: Settlement<'_>,
    may_still_write: bool,
) -> Result<(), LeaseError> {
    match settlement {
        Settlement::Complete(outputs) => complete(tx, job, outputs).await,
        Settlement::Fail(failure) => {
            fail(tx, job, failure).await?;
            removal::superseded(tx, job, may_still_write).await?;
            removal::sources(tx, job).await?;
            Ok(outbox::record(tx, job.account_id, job.id, EventKind::Failed, job.webhook_url.as_deref()).await?)
        }
        Settlement::Retry(pause) => {
            requeue(tx, job, pause, 0).await?;
            Ok(removal::superseded(tx, job, may_still_write).await?)
        }
        Settlement::Release => {
            requeue(tx, job, Duration::ZERO, 1).await?;
            Ok(removal::superseded(tx, job, may_still_write).await?)
        }
    }
}

async fn complete(tx: &mut PgConnection, job: &Job, outputs: &[Output]) -> Result<(), LeaseError> {
    let completed = sqlx::query!(
        r#"
        update jobs
        set status = 'completed', progress = 100, lease_until = null, outputs = $3, finished_at = now(),
            expires_at = now() + make_interval(secs => retention_seconds)
        where id = $1 and status = 'in_progress' and attempt = $2
        "#,
        job.id.uuid(),
        job.attempt,
        sqlx::types::Json(outputs) as _,
    );
    held(completed.execute(&mut *tx).await?.rows_affected())?;
    count_usage(tx, job).await?;
    removal::expiry(tx, job).await?;
    removal::sources(tx, job).await?;
    Ok(outbox::record(tx, job.account_id, job.id, EventKind::Completed, job.webhook_url.as_deref()).await?)
}

async fn count_usage(tx: &mut PgConnection, job: &Job) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "insert into usage (job_id, account_id, tier, width, height, seconds) values ($1, $2, $3, $4, $5, $6)",
        job.id.uuid(),
        job.account_id.uuid(),
        job.tier as _,
        job.width,
        job.height,
        job.seconds,
    )
    .execute(tx)
    .await
    .map(drop)
}

async fn fail(tx: &mut PgConnection, job: &Job, failure: &Failure) -> Result<(), LeaseError> {
    let failed = sqlx::query!(
        r#"
        update jobs set status = 'failed', lease_until = null, finished_at = now(), error_code = $3, error_message = $4
        where id = $1 and status = 'in_progress' and attempt = $2
        "#,
        job.id.uuid(),
        job.attempt,
        failure.code,
        failure.message,
    );
    held(failed.execute(tx).await?.rows_affected())
}

async fn requeue(tx: &mut PgConnection, job: &Job, pause: Duration, released: i32) -> Result<(), LeaseError> {
    let requeued = sqlx::query!(
        r#"
        update jobs
        set status = 'queued', lease_until = null, worker = null, progress = 0, released = released + $4,
            run_at = now() + make_interval(secs => $3)
        where id = $1 and status = 'in_progress' and attempt = $2
        "#,
        job.id.uuid(),
        job.attempt,
        pause.as_secs_f64(),
        released,
    );
    held(requeued.execute(&mut *tx).await?.rows_affected())?;
    Ok(bell::ring(tx, bell::QUEUED, "").await?)
}

fn held(rows: u64) -> Result<(), LeaseError> {
    if rows == 1 { Ok(()) } else { Err(LeaseError::Lost) }
}
