//! Cancelling: one statement, whether the job waits or runs. A worker that has it learns so by the bell.

use sqlx::PgPool;

use super::halt::halt;
use super::{Job, JobStatus, job_query, read};
use crate::db;
use crate::id::{AccountId, JobId};
use crate::webhooks::event::EventKind;

/// Why a job was not cancelled.
#[derive(Debug, thiserror::Error)]
pub enum CancelError {
    /// The account has no such job.
    #[error("there is no such video")]
    NotFound,
    /// It has ended in another way.
    #[error("the video is already {0}")]
    Ended(JobStatus),
    /// The database did not answer.
    #[error("the database failed: {0}")]
    Database(#[from] sqlx::Error),
}

/// Calls a job off. Doing so again is no error.
pub async fn cancel(pool: &PgPool, account: AccountId, id: JobId) -> Result<Job, CancelError> {
    let mut tx = db::begin(pool).await?;
    let cancelled = job_query!(
        r#"
        update jobs set status = 'cancelled', lease_until = null, remote = null, finished_at = now()
        where account_id = $1 and id = $2 and status in ('queued', 'in_progress')
        returning"#,
        "",
        account.uuid(),
        id.uuid(),
    );
    let Some(job) = cancelled.fetch_optional(&mut *tx).await? else {
        drop(tx);
        return ended(pool, account, id).await;
    };
    halt(&mut tx, &job, EventKind::Cancelled).await?;
    tx.commit().await?;
    Ok(job)
}

async fn ended(pool: &PgPool, account: AccountId, id: JobId) -> Result<Job, CancelError> {
    let job = read::find(pool, account, id).await?.ok_or(CancelError::NotFound)?;
    if job.status == JobStatus::Cancelled { Ok(job) } else { Err(CancelError::Ended(job.status)) }
}
