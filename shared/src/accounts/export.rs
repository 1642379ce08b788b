//! Archives of all that is held about an account: asked for by its owner, made by a worker, kept for a week.

use std::time::Duration;

use chrono::{DateTime, Utc};
use sqlx::{PgConnection, PgPool};

use crate::db;
use crate::id::{AccountId, ExportId};
use crate::jobs::removal;
use crate::storage::key;

/// How long an archive can be downloaded, in days.
pub const DAYS: i32 = 7;
/// How often an archive is tried before it is given up.
const ATTEMPTS_MAX: i32 = 5;
/// The name of an archive below its attempt's prefix.
pub const FILE_NAME: &str = "export.zip";

/// How far an archive is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, sqlx::Type)]
#[sqlx(type_name = "export_state", rename_all = "snake_case")]
pub enum State {
    /// It waits for a worker.
    Queued,
    /// It is being made.
    InProgress,
    /// It can be downloaded.
    Completed,
    /// It could not be made.
    Failed,
    /// Its time is over.
    Expired,
}

impl State {
    /// The word on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            State::Queued => "queued",
            State::InProgress => "in_progress",
            State::Completed => "completed",
            State::Failed => "failed",
            State::Expired => "expired",
        }
    }
}

/// An archive.
#[derive(Debug, Clone)]
pub struct Export {
    /// Names it.
    pub id: ExportId,
    /// Whose data.
    pub account_id: AccountId,
    /// How far it is.
    pub state: State,
    /// Which try this is, from 1; 0 before the first.
    pub attempt: i32,
    /// Its size, once it is there.
    pub size_bytes: Option<i64>,
    /// When it was asked for.
    pub created_at: DateTime<Utc>,
    /// When it was finished, or given up.
    pub finished_at: Option<DateTime<Utc>>,
    /// When it goes.
    pub expires_at: Option<DateTime<Utc>>,
}

impl Export {
    /// The key of the archive that this attempt makes.
    pub fn key(&self) -> String {
        format!("{}{}/{FILE_NAME}", key::export_prefix(self.account_id, self.id), self.attempt)
    }
}

/// A statement that returns whole archives: the text before the columns, the text after them, the arguments.
macro_rules! export_query {
    ($before:literal, $after:literal $(, $argument:expr)* $(,)?) => {
        sqlx::query_as!(
            Export,
            $before + r#"
            id as "id: ExportId", account_id as "account_id: AccountId", state as "state: State", attempt, size_bytes,
            created_at, finished_at, expires_at
            "# + $after
            $(, $argument)*
        )
    };
}

/// Asks for an archive. While one is being made, that is the answer.
pub async fn request(pool: &PgPool, account: AccountId) -> Result<Export, sqlx::Error> {
    sqlx::query!(
        r#"
        insert into exports (id, account_id) select $1, id from accounts where id = $2 and deleted_at is null
        on conflict (account_id) where state in ('queued', 'in_progress') do nothing
        "#,
        ExportId::new().uuid(),
        account.uuid(),
    )
    .execute(pool)
    .await?;
    export_query!("select", "from exports where account_id = $1 order by id desc limit 1", account.uuid())
        .fetch_one(pool)
        .await
}

/// The archive of this id, if the account asked for it.
pub async fn find(pool: &PgPool, account: AccountId, id: ExportId) -> Result<Option<Export>, sqlx::Error> {
    export_query!("select", "from exports where account_id = $1 and id = $2", account.uuid(), id.uuid())
        .fetch_optional(pool)
        .await
}

/// Takes the archive that has waited longest, for as long as `lasts`; it has to be renewed within that.
pub async fn claim(pool: &PgPool, lasts: Duration) -> Result<Option<Export>, sqlx::Error> {
    export_query!(
        r#"
        update exports set state = 'in_progress', attempt = attempt + 1, due_at = now() + make_interval(secs => $1)
        where id = (
            select id from exports
            where state in ('queued', 'in_progress') and due_at <= now() and attempt < $2
            order by due_at limit 1 for update skip locked
        )
        returning"#,
        "",
        lasts.as_secs_f64(),
        ATTEMPTS_MAX,
    )
    .fetch_optional(pool)
    .await
}

/// Keeps an archive that is being made. Says whether it is still ours.
pub async fn renew(pool: &PgPool, export: &Export, lasts: Duration) -> Result<bool, sqlx::Error> {
    let renewed = sqlx::query!(
        r#"
        update exports set due_at = now() + make_interval(secs => $3)
        where id = $1 and attempt = $2 and state = 'in_progress'
        "#,
        export.id.uuid(),
        export.attempt,
        lasts.as_secs_f64(),
    );
    Ok(renewed.execute(pool).await?.rows_affected() == 1)
}

/// The archive is in the store. Says whether it was still ours to say so.
pub async fn complete(pool: &PgPool, export: &Export, size_bytes: i64) -> Result<bool, sqlx::Error> {
    let completed = sqlx::query!(
        r#"
        update exports
        set state = 'completed', size_bytes = $3, finished_at = now(), expires_at = now() + make_interval(days => $4),
            due_at = now() + make_interval(days => $4)
        where id = $1 and attempt = $2 and state = 'in_progress'
        "#,
        export.id.uuid(),
        export.attempt,
        size_bytes,
        DAYS,
    );
    Ok(completed.execute(pool).await?.rows_affected() == 1)
}

/// The attempt came to nothing: another is made after `pause`.
pub async fn retry(pool: &PgPool, export: &Export, pause: Duration) -> Result<(), sqlx::Error> {
    sqlx::query!(
        r#"
        update exports set state = 'queued', due_at = now() + make_interval(secs => $3)
        where id = $1 and attempt = $2 and state = 'in_progress'
        "#,
        export.id.uuid(),
        export.attempt,
        pause.as_secs_f64(),
    )
    .execute(pool)
    .await
    .map(drop)
}

/// Something of the account is deleted: archives that hold it go at once, and one that is being made is begun anew.
pub async fn retract(pool: &PgPool, account: AccountId) -> Result<(), sqlx::Error> {
    let mut tx = db::begin(pool).await?;
    retract_in(&mut tx, account).await?;
    tx.commit().await
}

/// As [`retract`], inside of a transaction.
pub(super) async fn retract_in(tx: &mut PgConnection, account: AccountId) -> Result<(), sqlx::Error> {
    let retracted = sqlx::query!(
        r#"
        update exports set state = case when state = 'completed' then 'expired' else 'queued' end::export_state, due_at = now()
        where account_id = $1 and state in ('completed', 'in_progress')
        returning id as "id: ExportId", state = 'expired' as "is_over!"
        "#,
        account.uuid(),
    );
    for export in retracted.fetch_all(&mut *tx).await?.into_iter().filter(|export| export.is_over) {
        removal::export(tx, account, export.id).await?;
    }
    Ok(())
}

/// Ends archives whose time is over and gives up those whose attempts are spent, up to `limit`; their objects follow. Says how many
/// there were.
pub async fn sweep(pool: &PgPool, limit: i64) -> Result<usize, sqlx::Error> {
    let mut tx = db::begin(pool).await?;
    let ended = sqlx::query!(
        r#"
        update exports
        set state = case when state = 'completed' then 'expired' else 'failed' end::export_state, finished_at = coalesce(finished_at, now())
        where id in (
            select id from exports
            where (state = 'completed' or state in ('queued', 'in_progress') and attempt >= $2) and due_at <= now()
            order by due_at limit $1 for update skip locked
        )
        returning id as "id: ExportId", account_id as "account_id: AccountId"
        "#,
        limit,
        ATTEMPTS_MAX,
    );
    let ended = ended.fetch_all(&mut *tx).await?;
    for export in &ended {
        removal::export(&mut tx, export.account_id, export.id).await?;
    }
    tx.commit().await?;
    Ok(ended.len())
}
