//! The right to work on one attempt of one job.
//!
//! Every write names the status and the attempt that the worker believes in. Zero rows means that the lease is lost:
//! somebody else has the job, or it has ended, and the worker drops its work.

use std::time::Duration;

use sqlx::{PgConnection, PgPool};
use tokio::time::Instant;
use tracing::warn;

use super::complete::complete;
use super::options::Codec;
use super::{Failure, Job, Output, Remote, WebhookFormat, job_query, removal};
use crate::bell;
use crate::db;
use crate::tier::Tier;
use crate::webhooks::event::EventKind;
use crate::webhooks::outbox;

/// How long a finished attempt goes on trying to write down its end while the database is away. The fence, not
/// the clock, decides whether it still may.
const SETTLE_PATIENCE: Duration = Duration::from_secs(600);
const SETTLE_PAUSE: Duration = Duration::from_secs(1);

/// How often a job is taken over from a worker's former self without counting that as a try.
const RECLAIMS_MAX: i32 = 5;

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

/// What a worker can do.
#[derive(Debug, Clone, Copy)]
pub struct Ability<'a> {
    /// The tiers that it renders.
    pub tiers: &'a [Tier],
    /// The tiers whose jobs go before all others.
    pub preferred: &'a [Tier],
    /// The codecs that it encodes. Jobs of others are left to other workers.
    pub codecs: &'a [Codec],
}

impl<'a> Ability<'a> {
    /// Renders these tiers, none before another, and encodes everything.
    pub fn of(tiers: &'a [Tier]) -> Self {
        Self { tiers, preferred: &[], codecs: &Codec::ALL }
    }
}

/// Takes the next job that the worker is able to do, in fair order, for as long as `lasts`; it has to be renewed within that.
///
/// The row that is next in virtual time says whose turn it is; the account's job of the highest priority takes that turn
/// and leaves its own to the other.
pub async fn claim(
    pool: &PgPool,
    ability: Ability<'_>,
    worker: &str,
    lasts: Duration,
) -> Result<Option<Lease>, sqlx::Error> {
    let claimed = job_query!(
        r#"
        with full_accounts as materialized (
            select coalesce(array_agg(account_id), '{}') as ids from (
                select account_id from jobs join accounts on accounts.id = account_id
                where status = 'in_progress' and max_running is not null
                group by account_id, max_running having count(*) >= max_running
            ) as account
        ),
        turn as materialized (
            select first.*
            from full_accounts, unnest($1::tier[]) as served (tier)
            cross join lateral (
                select id, account_id, tier, virtual_start from jobs
                where jobs.tier = served.tier and status = 'queued' and virtual_start < 'infinity' and run_at <= now()
                    and (deadline_at is null or deadline_at > now())
                    and account_id <> all (full_accounts.ids) and may_run(account_id)
                    and coalesce(output_options ->> 'codec', 'h264') = any ($5::text[])
                    and not exists (select from paused_tiers where paused_tiers.tier = served.tier)
                    -- A process is told by its own name, or with others by the configured part of it.
                    and not exists (select from drains where name in ($3, left($3, -33)))
                order by virtual_start, id limit 1 for update skip locked
            ) as first
            order by first.tier = any ($2::tier[]) desc, first.virtual_start, first.id limit 1
        ),
        best as materialized (
            select turn.id as turn_id, turn.virtual_start as turn_start, first.id, first.virtual_start
            from turn cross join lateral (
                select id, virtual_start from jobs
                where account_id = turn.account_id and tier = turn.tier and status = 'queued'
                    and virtual_start < 'infinity' and run_at <= now() and (deadline_at is null or deadline_at > now())
                    and coalesce(output_options ->> 'codec', 'h264') = any ($5::text[])
                order by priority desc, id limit 1 for update skip locked
            ) as first
        ),
        swapped as (
            update jobs set virtual_start = best.virtual_start from best
            where jobs.id = best.turn_id and best.turn_id <> best.id
        )
        update jobs
        set status = 'in_progress', attempt = attempt + 1, progress = 0, worker = $3, virtual_start = (select turn_start from best),
            lease_until = now() + make_interval(secs => $4), claimed_at = now(), started_at = coalesce(started_at, now())
        where id = (select id from best)
        returning"#,
        "",
        ability.tiers as _,
        ability.preferred as _,
        worker,
        lasts.as_secs_f64(),
        &ability.codecs.iter().map(|codec| codec.as_str().to_owned()).collect::<Vec<_>>(),
    );
    Ok(claimed.fetch_optional(pool).await?.map(|job| Lease { job, lasts }))
}

/// Takes over a job whose render goes on in a model server from processes that live no more, by their names: the next attempt
/// takes that render up again. The one before counts as given back.
///
/// Only such jobs: what a worker rendered itself is lost with it, and may be what ended it, so that has to count when its lease
/// lapses. For the same reason a job is not taken over without end.
pub async fn reclaim(
    pool: &PgPool,
    former: &[String],
    tiers: &[Tier],
    worker: &str,
    lasts: Duration,
) -> Result<Option<Lease>, sqlx::Error> {
    let mut tx = db::begin(pool).await?;
    let taken = job_query!(
        r#"
        update jobs
        set attempt = attempt + 1, released = released + 1, worker = $3, claimed_at = now(),
            lease_until = now() + make_interval(secs => $4)
        where id = (
            select id from jobs
            where status = 'in_progress' and worker = any ($1) and tier = any ($2::tier[]) and remote is not null and released < $5
            order by id limit 1 for update skip locked
        )
        returning"#,
        "",
        former,
        tiers as _,
        worker,
        lasts.as_secs_f64(),
        RECLAIMS_MAX,
    );
    let Some(job) = taken.fetch_optional(&mut *tx).await? else { return Ok(None) };
    let before = Job { attempt: job.attempt - 1, ..job.clone() };
    removal::superseded(&mut tx, &before, false).await?;
    tx.commit().await?;
    Ok(Some(Lease { job, lasts }))
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

    /// Notes where the render goes on, or that it goes on nowhere else any more.
    pub async fn note_remote(&self, pool: &PgPool, remote: Option<&Remote>) -> Result<(), LeaseError> {
        let noted = sqlx::query!(
            "update jobs set remote = $3 where id = $1 and status = 'in_progress' and attempt = $2",
            self.job.id.uuid(),
            self.job.attempt,
            remote.map(sqlx::types::Json) as _,
        );
        held(noted.execute(pool).await?.rows_affected())
    }

    /// Notes that the work has begun, for a customer who is told of that. Once a job, whichever attempt it is.
    pub async fn announce(&self, pool: &PgPool) -> Result<(), LeaseError> {
        let job = &self.job;
        if job.webhook_format != WebhookFormat::Minimax || job.webhook_url.is_none() {
            return Ok(());
        }
        let mut tx = db::begin(pool).await?;
        let mine = sqlx::query!(
            "select id from jobs where id = $1 and status = 'in_progress' and attempt = $2 for share",
            job.id.uuid(),
            job.attempt,
        );
        mine.fetch_optional(&mut *tx).await?.ok_or(LeaseError::Lost)?;
        outbox::record(&mut tx, job.account_id, job.id, EventKind::InProgress, job.webhook_url.as_deref()).await?;
        Ok(tx.commit().await?)
    }

    /// The video is in the store: the job is completed, counted, timed and told of, in one transaction.
    pub async fn complete(self, pool: &PgPool, outputs: &[Output]) -> Result<(), LeaseError> {
        self.end(pool, End::Video(outputs)).await
    }

    /// There will be no video.
    pub async fn fail(self, pool: &PgPool, failure: &Failure) -> Result<(), LeaseError> {
        self.end(pool, End::NoVideo(Settlement::Fail(failure))).await
    }

    /// This attempt came to nothing; another may be made after `pause`.
    pub async fn retry(self, pool: &PgPool, pause: Duration) -> Result<(), LeaseError> {
        self.end(pool, End::NoVideo(Settlement::Retry(pause))).await
    }

    /// Gives the job back unharmed, for another worker to take at once. The attempt does not count.
    pub async fn release(self, pool: &PgPool) -> Result<(), LeaseError> {
        self.end(pool, End::NoVideo(Settlement::Release)).await
    }

    /// Tries to write down the end until the database says whether it is done.
    async fn end(self, pool: &PgPool, end: End<'_>) -> Result<(), LeaseError> {
        let started = Instant::now();
        loop {
            match db::within(try_end(pool, &self.job, end)).await {
                Err(LeaseError::Database(error)) if started.elapsed() < SETTLE_PATIENCE => {
                    warn!(job.id = %self.job.id, %error, "Could not write down the end of an attempt, trying again");
                    tokio::time::sleep(SETTLE_PAUSE).await;
                }
                ended => return ended,
            }
        }
    }
}

/// The ways in which an attempt ends.
#[derive(Debug, Clone, Copy)]
enum End<'a> {
    Video(&'a [Output]),
    NoVideo(Settlement<'a>),
}

async fn try_end(pool: &PgPool, job: &Job, end: End<'_>) -> Result<(), LeaseError> {
    match end {
        End::Video(outputs) => complete(pool, job, outputs).await,
        End::NoVideo(settlement) => {
            let mut tx = db::begin(pool).await?;
            settle_in(&mut tx, job, settlement, false).await?;
            Ok(tx.commit().await?)
        }
    }
}

/// The ways in which an attempt ends without a video.
#[derive(Debug, Clone, Copy)]
pub(super) enum Settlement<'a> {
    Fail(&'a Failure),
    Retry(Duration),
    Release,
}

/// Ends an attempt without a video inside a transaction, with all that follows from it. `may_still_write` says that the
/// worker is not known to have stopped.
pub(super) async fn settle_in(
    tx: &mut PgConnection,
    job: &Job,
    settlement: Settlement<'_>,
    may_still_write: bool,
) -> Result<(), LeaseError> {
    match settlement {
        Settlement::Fail(failure) => {
            fail(tx, job, failure).await?;
            removal::sources(tx, job).await?;
            outbox::record(tx, job.account_id, job.id, EventKind::Failed, job.webhook_url.as_deref()).await?;
        }
        Settlement::Retry(pause) => requeue(tx, job, pause, 0).await?,
        Settlement::Release => requeue(tx, job, Duration::ZERO, 1).await?,
    }
    Ok(removal::superseded(tx, job, may_still_write).await?)
}

async fn fail(tx: &mut PgConnection, job: &Job, failure: &Failure) -> Result<(), LeaseError> {
    let failed = sqlx::query!(
        r#"
        update jobs
        set status = 'failed', lease_until = null, remote = null, finished_at = now(), error_code = $3, error_message = $4
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
    match pause.is_zero() {
        true => Ok(bell::ring(tx, bell::QUEUED, "").await?),
        false => Ok(()),
    }
}

fn held(rows: u64) -> Result<(), LeaseError> {
    if rows == 1 { Ok(()) } else { Err(LeaseError::Lost) }
}
