//! Removals: objects that have to go, and when. Set in the transaction that makes them due; carried out by the
//! `expire` worker: objects first, then the row that says so.

use chrono::{DateTime, Utc};
use sqlx::{PgConnection, PgPool};
use uuid::Uuid;

use super::Job;
use crate::db;
use crate::files;
use crate::id::{AccountId, ExportId, FileId, JobId, RemovalId};
use crate::storage::key;

mod due;

pub use due::{Backlog, Removal, backlog, claim, postpone, release, settle};

/// How long an upload of source images may take before they count as forgotten.
const GUARD_SECONDS: f64 = 3600.0;
/// How long a worker that lost its lease may still be writing.
const STRAGGLER_SECONDS: f64 = 60.0;

/// Why objects go.
#[derive(Debug, Clone, Copy, PartialEq, Eq, sqlx::Type)]
#[sqlx(type_name = "removal_reason", rename_all = "snake_case")]
pub enum Reason {
    /// The retention of a finished video is over.
    Expired,
    /// Source images whose job has ended, or never began.
    Source,
    /// What an attempt left behind that did not finish the job, or whoever was storing a file that is gone.
    Superseded,
    /// The customer deleted the video or the file, or the file's time was over.
    Deleted,
}

/// Sets a timer for images that are about to be stored for a job which does not exist yet.
pub(crate) async fn guard_sources(pool: &PgPool, account: AccountId, job: JobId) -> Result<(), sqlx::Error> {
    let mut connection = pool.acquire().await?;
    schedule(&mut connection, account, job.uuid(), Reason::Source, &key::source_prefix(account, job), GUARD_SECONDS)
        .await
}

/// The job will never exist: what was stored for it goes at once.
pub(crate) async fn abandon_sources(pool: &PgPool, job: JobId) -> Result<(), sqlx::Error> {
    let due = sqlx::query!("update removals set due_at = now() where job_id = $1 and reason = 'source'", job.uuid());
    due.execute(pool).await.map(drop)
}

/// The job has ended: its source images go, unless the account keeps its history.
pub(crate) async fn sources(tx: &mut PgConnection, job: &Job) -> Result<(), sqlx::Error> {
    if !job.has_sources() {
        return Ok(());
    }
    let keeps = sqlx::query_scalar!("select keep_history from accounts where id = $1", job.account_id.uuid())
        .fetch_one(&mut *tx)
        .await?;
    match keeps {
        true => Ok(()),
        false => {
            schedule(
                tx,
                job.account_id,
                job.id.uuid(),
                Reason::Source,
                &key::source_prefix(job.account_id, job.id),
                0.0,
            )
            .await
        }
    }
}

/// An attempt ended without a video: what it left goes at once, or after a while if its worker may still be writing.
pub(crate) async fn superseded(tx: &mut PgConnection, job: &Job, may_still_write: bool) -> Result<(), sqlx::Error> {
    let seconds = if may_still_write { STRAGGLER_SECONDS } else { 0.0 };
    schedule(tx, job.account_id, job.id.uuid(), Reason::Superseded, &job.attempt_prefix(), seconds).await
}

/// Takes away the timer of a finished video. False if there is none that could be: a worker has taken it up.
pub(crate) async fn unset(tx: &mut PgConnection, job: &Job) -> Result<bool, sqlx::Error> {
    let unset =
        sqlx::query!("delete from removals where job_id = $1 and reason = 'expired' and attempt = 0", job.id.uuid(),);
    Ok(unset.execute(tx).await?.rows_affected() > 0)
}

/// Sets the timer of a finished video that has none.
pub(crate) async fn expiry(tx: &mut PgConnection, job: &Job, expires_at: DateTime<Utc>) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "insert into removals (id, account_id, job_id, reason, prefix, due_at) values ($1, $2, $3, 'expired', $4, $5)",
        RemovalId::new().uuid(),
        job.account_id.uuid(),
        job.id.uuid(),
        job.attempt_prefix(),
        expires_at,
    )
    .execute(tx)
    .await
    .map(drop)
}

/// A job is deleted: everything of it goes, and once more when a worker that may still hold it has stopped writing.
/// One timer takes the place of all others.
pub(crate) async fn deleted(tx: &mut PgConnection, job: &Job) -> Result<(), sqlx::Error> {
    sqlx::query!("delete from removals where job_id = $1", job.id.uuid()).execute(&mut *tx).await?;
    let seconds = if job.attempt > 0 { STRAGGLER_SECONDS } else { 0.0 };
    schedule(tx, job.account_id, job.id.uuid(), Reason::Deleted, &key::job_prefix(job.account_id, job.id), seconds)
        .await
}

/// What comes by an upload link is never kept as it came: it goes when nobody can store anything there any more.
pub(crate) async fn upload(
    pool: &PgPool,
    account: AccountId,
    file: FileId,
    key: &str,
    writable_seconds: f64,
) -> Result<(), sqlx::Error> {
    let mut connection = pool.acquire().await?;
    schedule(&mut connection, account, file.uuid(), Reason::Superseded, key, writable_seconds).await
}

/// A file is gone: so is everything of it, and once more when nobody can be storing anything for it any more. These timers take
/// the place of all others.
pub(crate) async fn file(
    tx: &mut PgConnection,
    account: AccountId,
    file: FileId,
    writable_seconds: f64,
) -> Result<(), sqlx::Error> {
    sqlx::query!("delete from removals where job_id = $1", file.uuid()).execute(&mut *tx).await?;
    let prefix = key::file_prefix(account, file);
    if writable_seconds > 0.0 {
        schedule(tx, account, file.uuid(), Reason::Superseded, &prefix, writable_seconds).await?;
    }
    schedule(tx, account, file.uuid(), Reason::Deleted, &prefix, 0.0).await
}

/// An account is gone: so is everything of it, and once more when nobody can be storing anything for it any more.
pub(crate) async fn account(tx: &mut PgConnection, account: AccountId) -> Result<(), sqlx::Error> {
    sqlx::query!("delete from removals where account_id = $1", account.uuid()).execute(&mut *tx).await?;
    let (prefix, owner) = (key::account_prefix(account), account.uuid());
    schedule(tx, account, owner, Reason::Superseded, &prefix, files::WRITABLE_SECONDS).await?;
    schedule(tx, account, owner, Reason::Deleted, &prefix, 0.0).await
}

/// The time of an archive is over, or it was never finished: its objects go at once.
pub(crate) async fn export(tx: &mut PgConnection, account: AccountId, export: ExportId) -> Result<(), sqlx::Error> {
    schedule(tx, account, export.uuid(), Reason::Deleted, &key::export_prefix(account, export), 0.0).await
}

/// A worker that lost its lease has stopped: what its attempt left goes as soon as nothing that it sent can arrive any
/// more, unless the job was completed by just this attempt and only the answer was lost.
pub async fn discard(pool: &PgPool, job: &Job) -> Result<(), sqlx::Error> {
    let mut tx = db::begin(pool).await?;
    let completed = sqlx::query_scalar!(
        r#"
        select exists (select from jobs where id = $1 and attempt = $2 and status in ('completed', 'expired')) as "completed!"
        "#,
        job.id.uuid(),
        job.attempt,
    );
    if !completed.fetch_one(&mut *tx).await? {
        superseded(&mut tx, job, true).await?;
    }
    tx.commit().await
}

async fn schedule(
    tx: &mut PgConnection,
    account: AccountId,
    owner: Uuid,
    reason: Reason,
    prefix: &str,
    seconds: f64,
) -> Result<(), sqlx::Error> {
    sqlx::query!(
        r#"
        insert into removals (id, account_id, job_id, reason, prefix, due_at)
        values ($1, $2, $3, $4, $5, now() + make_interval(secs => $6))
        on conflict (job_id, reason, prefix) do update set due_at = excluded.due_at
        "#,
        RemovalId::new().uuid(),
        account.uuid(),
        owner,
        reason as _,
        prefix,
        seconds,
    )
    .execute(tx)
    .await
    .map(drop)
}
