//! Removals: objects that have to go, and when. Set in the transaction that makes them due; carried out by the
//! `expire` worker: objects first, then the row that says so.

use std::time::Duration;

use sqlx::{PgConnection, PgPool};
use uuid::Uuid;

use super::Job;
use crate::bell;
use crate::db;
use crate::files;
use crate::id::{AccountId, ExportId, FileId, JobId, RemovalId};
use crate::storage::key;
use crate::webhooks::event::EventKind;
use crate::webhooks::outbox;

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

/// A removal that was taken by [`claim`].
#[derive(Debug)]
pub struct Removal {
    /// Names the removal.
    pub id: RemovalId,
    /// Whose objects.
    pub account_id: AccountId,
    /// Of which job or file.
    pub owner_id: Uuid,
    /// Why they go.
    pub reason: Reason,
    /// What their keys start with.
    pub prefix: String,
    /// Which try this is, from 1.
    pub attempt: i32,
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

/// Takes up to `limit` removals that are due and puts each off by `patience`, in which it has to be settled. What a legal hold
/// keeps is put off by a day in passing.
pub async fn claim(pool: &PgPool, limit: i64, patience: Duration) -> Result<Vec<Removal>, sqlx::Error> {
    loop {
        let due = take(pool, limit, patience).await?;
        let is_idle = due.is_empty();
        let free: Vec<Removal> = due.into_iter().flatten().collect();
        if is_idle || !free.is_empty() {
            return Ok(free);
        }
    }
}

/// Takes removals that are due; none stands for one that is held.
async fn take(pool: &PgPool, limit: i64, patience: Duration) -> Result<Vec<Option<Removal>>, sqlx::Error> {
    let rows = sqlx::query!(
        r#"
        with due as materialized (
            select id, account_id, reason in ('expired', 'source') as may_be_held from removals
            where due_at <= now() order by due_at limit $1 for update skip locked
        ),
        judged as (
            select due.id, may_be_held and coalesce(hold_until > now(), false) as held
            from due join accounts on accounts.id = due.account_id
        )
        update removals
        set attempt = attempt + case when held then 0 else 1 end,
            due_at = now() + case when held then interval '1 day' else make_interval(secs => $2) end
        from judged where removals.id = any(array(select id from due)) and removals.id = judged.id
        returning removals.id as "id: RemovalId", account_id as "account_id: AccountId", job_id as owner_id,
            reason as "reason: Reason", prefix, attempt, held as "held!"
        "#,
        limit,
        patience.as_secs_f64(),
    )
    .fetch_all(pool)
    .await?;
    let removal = rows.into_iter().map(|row| {
        (!row.held).then_some(Removal {
            id: row.id,
            account_id: row.account_id,
            owner_id: row.owner_id,
            reason: row.reason,
            prefix: row.prefix,
            attempt: row.attempt,
        })
    });
    Ok(removal.collect())
}

/// The objects are gone: the row may say so. A video whose time was up becomes `expired`, and its customer is told.
pub async fn settle(pool: &PgPool, removal: &Removal) -> Result<(), sqlx::Error> {
    let mut tx = db::begin(pool).await?;
    let done = sqlx::query!("delete from removals where id = $1 and attempt = $2", removal.id.uuid(), removal.attempt);
    let still_ours = done.execute(&mut *tx).await?.rows_affected() == 1;
    if still_ours && removal.reason == Reason::Expired {
        expire(&mut tx, removal).await?;
    }
    tx.commit().await
}

async fn expire(tx: &mut PgConnection, removal: &Removal) -> Result<(), sqlx::Error> {
    let expired = sqlx::query!(
        "update jobs set status = 'expired', outputs = null where account_id = $1 and id = $2 and status = 'completed' returning case when webhook_format = 'standard' then webhook_url end as webhook_url",
        removal.account_id.uuid(),
        removal.owner_id,
    );
    match expired.fetch_optional(&mut *tx).await? {
        Some(row) => {
            bell::ring(tx, bell::CHANGED, &removal.owner_id.to_string()).await?;
            outbox::record(
                tx,
                removal.account_id,
                removal.owner_id.into(),
                EventKind::Expired,
                row.webhook_url.as_deref(),
            )
            .await
        }
        None => Ok(()),
    }
}

/// The store refused: try again after `pause`.
pub async fn postpone(pool: &PgPool, removal: &Removal, pause: Duration) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "update removals set due_at = now() + make_interval(secs => $3) where id = $1 and attempt = $2",
        removal.id.uuid(),
        removal.attempt,
        pause.as_secs_f64(),
    )
    .execute(pool)
    .await
    .map(drop)
}
