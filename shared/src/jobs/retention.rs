//! How long finished media stay, said anew: longer, shorter, or until they are let go. Row and timer change in one transaction; a
//! timer that a worker has taken up is past changing.

use sqlx::{PgConnection, PgPool};

use super::spec::{self, Invalid};
use super::{Job, JobStatus, job_query, removal};
use crate::db;
use crate::id::{AccountId, JobId};
use crate::webhooks::outbox;

/// What the customer says anew; what is none stays.
#[derive(Debug, Clone, Copy, Default)]
pub struct Change {
    /// How long the media stay, in seconds from the completion.
    pub seconds: Option<i64>,
    /// Whether they stay until they are let go.
    pub pinned: Option<bool>,
}

/// Why nothing changed.
#[derive(Debug, thiserror::Error)]
pub enum RetentionError {
    /// The account has no such job.
    #[error("there is no such video")]
    NotFound,
    /// Only a finished video can be pinned.
    #[error("the video is {0}")]
    NotFinished(JobStatus),
    /// There are no media, or not any more.
    #[error("the video has no media to keep")]
    NothingToKeep,
    /// The account has pinned as many videos as it may.
    #[error("the account has pinned as many videos as it may")]
    TooManyPinned,
    /// The tier keeps nothing for so long, or so short.
    #[error("{} {}", .0.field, .0.allowed)]
    Invalid(#[from] Invalid),
    /// The database did not answer.
    #[error("the database failed: {0}")]
    Database(#[from] sqlx::Error),
}

/// Changes how long the media of a job stay, and shows it as it is then.
pub async fn change(pool: &PgPool, account: AccountId, id: JobId, change: Change) -> Result<Job, RetentionError> {
    let mut tx = db::begin(pool).await?;
    let job = job_query!("select", "from jobs where account_id = $1 and id = $2 for update", account.uuid(), id.uuid());
    let job = job.fetch_optional(&mut *tx).await?.ok_or(RetentionError::NotFound)?;
    let seconds = change.seconds.map(|seconds| within(&job, seconds)).transpose()?.unwrap_or(job.retention_seconds);
    let pinned = change.pinned.unwrap_or(job.pinned);
    if pinned && !job.keeps_files() {
        return Err(RetentionError::NothingToKeep);
    }
    match job.status {
        JobStatus::Queued | JobStatus::InProgress if pinned => return Err(RetentionError::NotFinished(job.status)),
        JobStatus::Queued | JobStatus::InProgress => wait_for(&mut tx, &job, seconds).await?,
        JobStatus::Completed if (seconds, pinned) == (job.retention_seconds, job.pinned) => {}
        JobStatus::Completed => keep(&mut tx, &job, seconds, pinned).await?,
        JobStatus::Failed | JobStatus::Cancelled | JobStatus::Expired => return Err(RetentionError::NothingToKeep),
    }
    let changed = job_query!("select", "from jobs where account_id = $1 and id = $2", account.uuid(), id.uuid());
    let changed = changed.fetch_one(&mut *tx).await?;
    tx.commit().await?;
    Ok(changed)
}

fn within(job: &Job, seconds: i64) -> Result<i32, Invalid> {
    let bounds = job.tier.limits().retention;
    spec::within("retention_seconds", seconds, bounds.min_seconds, bounds.max_seconds)
}

/// The clock has yet to start.
async fn wait_for(tx: &mut PgConnection, job: &Job, seconds: i32) -> Result<(), sqlx::Error> {
    sqlx::query!("update jobs set retention_seconds = $2 where id = $1", job.id.uuid(), seconds)
        .execute(tx)
        .await
        .map(drop)
}

/// Moves the end of finished media and their timer.
async fn keep(tx: &mut PgConnection, job: &Job, seconds: i32, pinned: bool) -> Result<(), RetentionError> {
    if !job.pinned && !removal::unset(tx, job).await? {
        return Err(RetentionError::NothingToKeep);
    }
    let changed = sqlx::query_scalar!(
        r#"
        update jobs
        set retention_seconds = $2::int, pinned = $3, expiry_noted = false,
            expires_at = case when not $3 then finished_at + make_interval(secs => $2::int) end
        where id = $1 and (pinned or not $3 or may_pin(account_id))
        returning expires_at
        "#,
        job.id.uuid(),
        seconds,
        pinned,
    );
    let expires_at = changed.fetch_optional(&mut *tx).await?.ok_or(RetentionError::TooManyPinned)?;
    if let Some(expires_at) = expires_at {
        removal::expiry(tx, job, expires_at).await?;
    }
    Ok(outbox::take_back_expiring(tx, job.id).await?)
}
