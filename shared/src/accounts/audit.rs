//! The audit log: every access of an operator to an account, for the account to read. Postgres itself refuses changes to it.

use chrono::{DateTime, Utc};
use sqlx::{PgConnection, PgPool};

use crate::id::{AccountId, AuditId};

/// What an operator did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// Made the account.
    AccountCreated,
    /// Looked at what the account is.
    AccountRead,
    /// Changed what the account is or may do.
    AccountChanged,
    /// Looked at its videos, prompts included.
    VideosRead,
    /// Looked at its keys, never at what they are.
    KeysRead,
    /// Made a key for it.
    KeyCreated,
    /// Ended a key of it.
    KeyRevoked,
    /// Looked at what it used.
    UsageRead,
    /// Stopped or resumed all processing of it.
    ProcessingLimited,
    /// Set or ended a legal hold.
    HoldChanged,
    /// Had data of it deleted.
    DataDeleted,
    /// Took its videos up into a list for training, as it had agreed to.
    TrainingListed,
    /// Granted it credits, or took some back.
    CreditsChanged,
}

impl Action {
    /// The word in the log.
    pub fn as_str(self) -> &'static str {
        match self {
            Action::AccountCreated => "account.created",
            Action::AccountRead => "account.read",
            Action::AccountChanged => "account.changed",
            Action::VideosRead => "videos.read",
            Action::KeysRead => "keys.read",
            Action::KeyCreated => "key.created",
            Action::KeyRevoked => "key.revoked",
            Action::UsageRead => "usage.read",
            Action::ProcessingLimited => "processing.limited",
            Action::HoldChanged => "hold.changed",
            Action::DataDeleted => "data.deleted",
            Action::TrainingListed => "training.listed",
            Action::CreditsChanged => "credits.changed",
        }
    }
}

/// An entry of the log.
#[derive(Debug)]
pub struct Entry {
    /// Names the entry.
    pub id: AuditId,
    /// Who it was.
    pub actor: String,
    /// What was done.
    pub action: String,
    /// To which fields or things.
    pub detail: Vec<String>,
    /// When.
    pub created_at: DateTime<Utc>,
}

/// Notes what an operator does, in the transaction that does it, or before what is read is shown.
pub async fn record(
    tx: &mut PgConnection,
    account: AccountId,
    actor: &str,
    action: Action,
    detail: &[String],
) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "insert into audit_log (id, account_id, actor, action, detail) values ($1, $2, $3, $4, $5)",
        AuditId::new().uuid(),
        account.uuid(),
        actor,
        action.as_str(),
        detail,
    )
    .execute(tx)
    .await
    .map(drop)
}

/// Entries about an account in the order of their ids, from after `after` on.
pub async fn list(
    pool: &PgPool,
    account: AccountId,
    descending: bool,
    after: Option<AuditId>,
    limit: i64,
) -> Result<Vec<Entry>, sqlx::Error> {
    sqlx::query_as!(
        Entry,
        r#"
        select id as "id: AuditId", actor, action, detail, created_at from audit_log
        where account_id = $1 and ($2::uuid is null or case when $3 then id < $2 else id > $2 end)
        order by case when $3 then id end desc, id limit $4
        "#,
        account.uuid(),
        after.map(AuditId::uuid),
        descending,
        limit,
    )
    .fetch_all(pool)
    .await
}
