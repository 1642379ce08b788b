//! Deletion of an account, or of what it made in a period, and the receipt for it.
//!
//! The wish is one transaction: from then on keys are dead, jobs stop, and nothing new comes. The data goes in bounded steps, of
//! which the request takes the first and workers the rest, whoever dies in between.

use chrono::{DateTime, Utc};
use sqlx::{PgConnection, PgPool};

use super::limitation::{self, By};
use super::{AccountError, export, keys};
use crate::bell;
use crate::db;
use crate::id::{AccountId, ErasureId, FileId, JobId};
use crate::jobs::{job_query, removal};
use crate::secret::{ReceiptToken, WebhookSecret};
use crate::storage::key;

/// How long a step that its taker did not finish is left alone, in seconds.
const PATIENCE_SECONDS: f64 = 60.0;
/// Videos, and files, that one step deletes.
const STEP: i64 = 500;

/// What is to be deleted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wish {
    /// Everything, and the account itself.
    Account,
    /// What was created from the first moment on, and before the second.
    Period(DateTime<Utc>, DateTime<Utc>),
}

/// Which part of an account a deletion is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, sqlx::Type)]
#[sqlx(type_name = "erasure_scope", rename_all = "snake_case")]
pub enum Scope {
    /// All of it.
    Account,
    /// What was created in a period.
    Period,
}

/// How far a deletion is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, sqlx::Type)]
#[sqlx(type_name = "erasure_state", rename_all = "snake_case")]
pub enum State {
    /// A legal hold has to end first.
    Held,
    /// Data is going.
    InProgress,
    /// All is gone.
    Completed,
}

impl State {
    /// The word on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            State::Held => "held",
            State::InProgress => "in_progress",
            State::Completed => "completed",
        }
    }
}

/// A deletion, as its receipt tells of it.
#[derive(Debug, Clone)]
pub struct Erasure {
    /// Names it.
    pub id: ErasureId,
    /// Whose data.
    pub account_id: AccountId,
    /// Which part.
    pub scope: Scope,
    /// The beginning of the period.
    pub from_at: Option<DateTime<Utc>>,
    /// The end of the period.
    pub until_at: Option<DateTime<Utc>>,
    /// How far it is.
    pub state: State,
    /// Videos deleted so far, with their prompts, source images and media.
    pub videos: i64,
    /// Files deleted so far.
    pub files: i64,
    /// Webhook endpoints deleted so far, with their logs.
    pub endpoints: i64,
    /// Keys deleted.
    pub keys: i64,
    /// When it was asked for.
    pub created_at: DateTime<Utc>,
    /// When all was gone.
    pub finished_at: Option<DateTime<Utc>>,
    /// Until when a hold keeps it waiting.
    pub hold_until: Option<DateTime<Utc>>,
    /// Until when usage is kept for accounting: ten years, as tax law commonly asks for what invoices rest on.
    pub accounting_until: DateTime<Utc>,
}

/// A statement that returns whole deletions: the text before the columns, the text after them, the arguments.
macro_rules! erasure_query {
    ($before:literal, $after:literal $(, $argument:expr)* $(,)?) => {
        sqlx::query_as!(
            Erasure,
            $before + r#"
            erasure.id as "id: ErasureId", erasure.account_id as "account_id: AccountId", scope as "scope: Scope", from_at, until_at,
            state as "state: State", videos, files, endpoints, keys, erasure.created_at, finished_at,
            (select hold_until from accounts where accounts.id = erasure.account_id) as hold_until,
            erasure.created_at + make_interval(years => 10) as "accounting_until!"
            "# + $after
            $(, $argument)*
        )
    };
}

/// Takes a wish. Its token is known only now.
pub async fn request(pool: &PgPool, account: AccountId, wish: Wish) -> Result<(Erasure, ReceiptToken), AccountError> {
    let mut tx = db::begin(pool).await?;
    let made = request_in(&mut tx, account, wish).await?;
    tx.commit().await?;
    Ok(made)
}

/// Takes a wish inside of a transaction.
pub async fn request_in(
    tx: &mut PgConnection,
    account: AccountId,
    wish: Wish,
) -> Result<(Erasure, ReceiptToken), AccountError> {
    let held = sqlx::query!(
        r#"select coalesce(hold_until > now(), false) as "held!", hold_until from accounts where id = $1 and deleted_at is null for update"#,
        account.uuid(),
    );
    let held = held.fetch_optional(&mut *tx).await?.ok_or(AccountError::NotFound)?;
    let (scope, from_at, until_at, keys) = match (wish, held.hold_until) {
        (Wish::Period(..), Some(until)) if held.held => return Err(AccountError::Held(until)),
        (Wish::Period(from, until), _) => (Scope::Period, Some(from), Some(until), 0),
        (Wish::Account, _) => (Scope::Account, None, None, close(tx, account).await?),
    };
    let (token, state) = (ReceiptToken::generate(), if held.held { State::Held } else { State::InProgress });
    let hash = token.hash();
    let inserted = erasure_query!(
        r#"
        insert into erasures as erasure (id, account_id, scope, from_at, until_at, state, token_hash, keys)
        values ($1, $2, $3, $4, $5, $6, $7, $8)
        returning"#,
        "",
        ErasureId::new().uuid(),
        account.uuid(),
        scope as _,
        from_at,
        until_at,
        state as _,
        hash.as_slice(),
        keys,
    );
    Ok((inserted.fetch_one(&mut *tx).await?, token))
}

/// From now on nobody speaks for the account, and nothing of it is processed. Says how many keys it had.
async fn close(tx: &mut PgConnection, account: AccountId) -> Result<i64, AccountError> {
    limitation::begin(tx, account, By::Operator).await?;
    sqlx::query!("update accounts set deleted_at = now(), training_consent = false where id = $1", account.uuid())
        .execute(&mut *tx)
        .await?;
    Ok(keys::delete_all(tx, account).await?)
}

/// The deletion of this id, if the account asked for it.
pub async fn find(pool: &PgPool, account: AccountId, id: ErasureId) -> Result<Option<Erasure>, sqlx::Error> {
    erasure_query!("select", "from erasures as erasure where account_id = $1 and id = $2", account.uuid(), id.uuid(),)
        .fetch_optional(pool)
        .await
}

/// The deletion that this token is for.
pub async fn find_by_token(pool: &PgPool, token: &ReceiptToken) -> Result<Option<Erasure>, sqlx::Error> {
    let hash = token.hash();
    erasure_query!("select", "from erasures as erasure where token_hash = $1", hash.as_slice())
        .fetch_optional(pool)
        .await
}

/// Takes up to `limit` deletions that are due, and leaves each to whoever took it for a minute.
pub async fn claim(pool: &PgPool, limit: i64) -> Result<Vec<Erasure>, sqlx::Error> {
    erasure_query!(
        r#"
        update erasures as erasure
        set due_at = now() + make_interval(secs => $2), state = 'in_progress'
        where id in (
            select erasures.id from erasures join accounts on accounts.id = account_id
            where state <> 'completed' and due_at <= now() and (hold_until is null or hold_until <= now())
            order by due_at limit $1 for update of erasures skip locked
        )
        returning"#,
        "",
        limit,
        PATIENCE_SECONDS,
    )
    .fetch_all(pool)
    .await
}

/// Deletes the next of the data. Says how the deletion stands, and what the keys of the objects that go with it start with: their
/// timers are set. Steps of the same one take turns.
pub async fn step(pool: &PgPool, erasure: &Erasure) -> Result<(Erasure, Vec<String>), sqlx::Error> {
    let mut tx = db::begin(pool).await?;
    let mine =
        sqlx::query!("select id from erasures where id = $1 and state = 'in_progress' for update", erasure.id.uuid());
    let mut prefixes = Vec::new();
    if mine.fetch_optional(&mut *tx).await?.is_some() {
        let gone = erase(&mut tx, erasure).await?;
        note(&mut tx, erasure, &gone).await?;
        if gone.is_last() {
            finish(&mut tx, erasure).await?;
        }
        prefixes = gone.prefixes(erasure);
    }
    tx.commit().await?;
    let erasure = find(pool, erasure.account_id, erasure.id).await?.ok_or(sqlx::Error::RowNotFound)?;
    Ok((erasure, prefixes))
}

/// What went in one step.
#[derive(Debug, Default)]
struct Gone {
    videos: Vec<JobId>,
    files: Vec<FileId>,
    endpoints: i64,
}

impl Gone {
    /// Whether there is nothing left.
    fn is_last(&self) -> bool {
        self.videos.len() < STEP as usize && self.files.len() < STEP as usize
    }

    /// What the keys of their objects start with. Those of a whole account go together with the last step.
    fn prefixes(&self, erasure: &Erasure) -> Vec<String> {
        let account = erasure.account_id;
        match (erasure.scope, self.is_last()) {
            (Scope::Account, true) => vec![key::account_prefix(account)],
            (Scope::Account, false) => Vec::new(),
            (Scope::Period, _) => {
                let archives = std::iter::once(key::exports_prefix(account));
                let videos = self.videos.iter().map(|id| key::job_prefix(account, *id));
                videos.chain(self.files.iter().map(|id| key::file_prefix(account, *id))).chain(archives).collect()
            }
        }
    }
}

async fn erase(tx: &mut PgConnection, erasure: &Erasure) -> Result<Gone, sqlx::Error> {
    let endpoints = if erasure.scope == Scope::Account { erase_endpoints(tx, erasure.account_id).await? } else { 0 };
    export::retract_in(tx, erasure.account_id).await?;
    Ok(Gone { videos: erase_jobs(tx, erasure).await?, files: erase_files(tx, erasure).await?, endpoints })
}

async fn erase_jobs(tx: &mut PgConnection, erasure: &Erasure) -> Result<Vec<JobId>, sqlx::Error> {
    let deleted = job_query!(
        r#"
        delete from jobs where id in (
            select id from jobs
            where account_id = $1 and ($2::timestamptz is null or created_at >= $2) and ($3::timestamptz is null or created_at < $3)
            order by id limit $4 for update
        )
        returning"#,
        "",
        erasure.account_id.uuid(),
        erasure.from_at,
        erasure.until_at,
        STEP,
    );
    let deleted = deleted.fetch_all(&mut *tx).await?;
    for job in &deleted {
        removal::deleted(tx, job).await?;
        bell::ring(tx, bell::HALT, &job.id.uuid().to_string()).await?;
    }
    Ok(deleted.into_iter().map(|job| job.id).collect())
}

async fn erase_files(tx: &mut PgConnection, erasure: &Erasure) -> Result<Vec<FileId>, sqlx::Error> {
    let deleted = sqlx::query!(
        r#"
        delete from files where id in (
            select id from files
            where account_id = $1 and ($2::timestamptz is null or created_at >= $2) and ($3::timestamptz is null or created_at < $3)
            order by id limit $4 for update
        )
        returning id as "id: FileId", extract(epoch from writable_until - now())::float8 as "writable_seconds!"
        "#,
        erasure.account_id.uuid(),
        erasure.from_at,
        erasure.until_at,
        STEP,
    );
    let deleted = deleted.fetch_all(&mut *tx).await?;
    for file in &deleted {
        removal::file(tx, erasure.account_id, file.id, file.writable_seconds).await?;
    }
    Ok(deleted.into_iter().map(|file| file.id).collect())
}

async fn erase_endpoints(tx: &mut PgConnection, account: AccountId) -> Result<i64, sqlx::Error> {
    let deleted = sqlx::query!("delete from webhook_endpoints where account_id = $1", account.uuid());
    Ok(deleted.execute(tx).await?.rows_affected() as i64)
}

async fn note(tx: &mut PgConnection, erasure: &Erasure, gone: &Gone) -> Result<(), sqlx::Error> {
    sqlx::query!(
        r#"
        update erasures set videos = videos + $2, files = files + $3, endpoints = endpoints + $4, due_at = now()
        where id = $1
        "#,
        erasure.id.uuid(),
        gone.videos.len() as i64,
        gone.files.len() as i64,
        gone.endpoints,
    )
    .execute(tx)
    .await
    .map(drop)
}

/// The last step: what is left of the account says nothing of whose it was.
async fn finish(tx: &mut PgConnection, erasure: &Erasure) -> Result<(), sqlx::Error> {
    if erasure.scope == Scope::Account {
        scrub(tx, erasure.account_id).await?;
    }
    sqlx::query!("update erasures set state = 'completed', finished_at = now() where id = $1", erasure.id.uuid())
        .execute(tx)
        .await
        .map(drop)
}

async fn scrub(tx: &mut PgConnection, account: AccountId) -> Result<(), sqlx::Error> {
    removal::account(tx, account).await?;
    let nobodys = WebhookSecret::generate();
    for statement in [
        sqlx::query!("delete from exports where account_id = $1", account.uuid()),
        sqlx::query!("delete from destinations where account_id = $1", account.uuid()),
        sqlx::query!("delete from consents where account_id = $1", account.uuid()),
        sqlx::query!("delete from events where account_id = $1", account.uuid()),
        sqlx::query!("delete from shares where account_id = $1", account.uuid()),
        sqlx::query!(
            "update usage set api_key_id = null where account_id = $1 and api_key_id is not null",
            account.uuid()
        ),
        sqlx::query!(
            r#"
            update accounts
            set name = 'deleted', email = null, keep_history = false, retention_seconds = null, hold_reason = null, hold_until = null,
                webhook_secret = $2, watermark = null, watermark_image = null
            where id = $1
            "#,
            account.uuid(),
            nobodys.bytes(),
        ),
    ] {
        statement.execute(&mut *tx).await?;
    }
    Ok(())
}
