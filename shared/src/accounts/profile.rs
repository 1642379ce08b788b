//! What an account is, as its owner and the operator see and set it.

use chrono::{DateTime, Utc};
use sqlx::types::Json;
use sqlx::{PgConnection, PgPool};

use super::{AccountError, check_name};
use crate::id::AccountId;
use crate::jobs::Watermark;

/// Characters of an e-mail address (RFC 5321, section 4.5.3).
pub const EMAIL_CHARS: std::ops::RangeInclusive<usize> = 3..=320;

/// An account as its owner sees it.
#[derive(Debug, Clone)]
pub struct Profile {
    /// Names the account.
    pub id: AccountId,
    /// What it calls itself.
    pub name: String,
    /// Where its owner is reached. It is not logged.
    pub email: Option<String>,
    /// When it was made.
    pub created_at: DateTime<Utc>,
    /// Whether prompts, source images and records stay until they are deleted.
    pub keep_history: bool,
    /// How long finished media are kept when a request does not say; the tier's own time if none.
    pub retention_seconds: Option<i32>,
    /// Whether finished videos may be used for training.
    pub training_consent: bool,
    /// Since when nothing of it is processed.
    pub processing_limited_at: Option<DateTime<Utc>>,
    /// Until when nothing may be deleted.
    pub hold_until: Option<DateTime<Utc>>,
    /// Why.
    pub hold_reason: Option<String>,
    /// What an outside payment provider calls it.
    pub billing_reference: Option<String>,
    /// How many of its jobs may be worked on at the same time.
    pub max_running: Option<i32>,
    /// How many of its jobs may wait.
    pub max_queued: Option<i32>,
    /// How many finished videos it may keep until it lets them go.
    pub max_pinned: i32,
    /// Its own visible mark.
    pub watermark: Option<Json<Watermark>>,
    /// Whether each of its videos has to carry one.
    pub watermark_required: bool,
    /// Since when it is deleted.
    pub deleted_at: Option<DateTime<Utc>>,
}

/// A statement that returns whole profiles: the text before the columns, the text after them, the arguments.
macro_rules! profile_query {
    ($before:literal, $after:literal $(, $argument:expr)* $(,)?) => {
        sqlx::query_as!(
            Profile,
            $before + r#"
            id as "id: AccountId", name, email, created_at, keep_history, retention_seconds, training_consent,
            processing_limited_at, case when hold_until > now() then hold_until end as hold_until,
            case when hold_until > now() then hold_reason end as hold_reason, billing_reference, max_running, max_queued, max_pinned,
            watermark as "watermark: Json<Watermark>", watermark_required, deleted_at
            "# + $after
            $(, $argument)*
        )
    };
}

/// The account of this id, unless it is deleted.
pub async fn find(pool: &PgPool, account: AccountId) -> Result<Option<Profile>, sqlx::Error> {
    profile_query!("select", "from accounts where id = $1 and deleted_at is null", account.uuid())
        .fetch_optional(pool)
        .await
}

/// Accounts in the order of their ids, from after `after` on, deleted ones too.
pub async fn list(pool: &PgPool, after: Option<AccountId>, limit: i64) -> Result<Vec<Profile>, sqlx::Error> {
    profile_query!(
        "select",
        "from accounts where $1::uuid is null or id > $1 order by id limit $2",
        after.map(AccountId::uuid),
        limit,
    )
    .fetch_all(pool)
    .await
}

/// What its owner changes; what is none stays.
#[derive(Debug, Default)]
pub struct Change {
    /// What it calls itself.
    pub name: Option<String>,
    /// Where its owner is reached; within, none takes it away.
    pub email: Option<Option<String>>,
    /// Whether prompts, source images and records stay.
    pub keep_history: Option<bool>,
    /// How long finished media are kept; within, none means as the tier says.
    pub retention_seconds: Option<Option<i32>>,
}

impl Change {
    /// Whether the fields are what they may be.
    pub fn check(&self) -> Result<(), AccountError> {
        self.name.as_deref().map_or(Ok(()), check_name)?;
        self.email.iter().flatten().try_for_each(|email| check_email(email))
    }
}

/// Whether this is an address as far as one can see: one `@` with something before and after it, no space.
pub(super) fn check_email(email: &str) -> Result<(), AccountError> {
    let parts = email.rsplit_once('@').filter(|(local, host)| !local.is_empty() && !host.is_empty());
    let is_plain = email.chars().all(|c| !c.is_whitespace() && !c.is_control());
    let acceptable = parts.is_some() && is_plain && EMAIL_CHARS.contains(&email.chars().count());
    acceptable.then_some(()).ok_or(AccountError::Email)
}

/// Changes an account.
pub async fn update(tx: &mut PgConnection, account: AccountId, change: &Change) -> Result<Profile, AccountError> {
    change.check()?;
    let updated = profile_query!(
        r#"
        update accounts
        set name = coalesce($2, name), email = case when $3 then $4 else email end, keep_history = coalesce($5, keep_history),
            retention_seconds = case when $6 then $7 else retention_seconds end
        where id = $1 and deleted_at is null
        returning"#,
        "",
        account.uuid(),
        change.name,
        change.email.is_some(),
        change.email.as_ref().and_then(|email| email.as_deref()),
        change.keep_history,
        change.retention_seconds.is_some(),
        change.retention_seconds.flatten(),
    );
    let profile = updated.fetch_optional(&mut *tx).await?.ok_or(AccountError::NotFound)?;
    if change.keep_history.is_some() {
        super::privacy::mark_records(tx, account).await?;
    }
    Ok(profile)
}

/// What an operator changes; what is none stays.
#[derive(Debug, Default)]
pub struct Terms {
    /// How many of its jobs may be worked on at the same time; within, none means any number.
    pub max_running: Option<Option<i32>>,
    /// How many of its jobs may wait; within, none means any number.
    pub max_queued: Option<Option<i32>>,
    /// What an outside payment provider calls it; within, none takes it away.
    pub billing_reference: Option<Option<String>>,
    /// How many finished videos it may keep until it lets them go.
    pub max_pinned: Option<i32>,
}

/// Changes what an account may do.
pub async fn set_terms(tx: &mut PgConnection, account: AccountId, terms: &Terms) -> Result<(), AccountError> {
    let set = sqlx::query!(
        r#"
        update accounts
        set max_running = case when $2 then $3 else max_running end, max_queued = case when $4 then $5 else max_queued end,
            billing_reference = case when $6 then $7 else billing_reference end, max_pinned = coalesce($8, max_pinned)
        where id = $1 and deleted_at is null
        "#,
        account.uuid(),
        terms.max_running.is_some(),
        terms.max_running.flatten(),
        terms.max_queued.is_some(),
        terms.max_queued.flatten(),
        terms.billing_reference.is_some(),
        terms.billing_reference.clone().flatten(),
        terms.max_pinned,
    );
    match set.execute(tx).await?.rows_affected() {
        0 => Err(AccountError::NotFound),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_has_something_on_both_sides_of_its_at() {
        assert!(check_email("ada@example.com").is_ok());
        for refused in ["", "ada", "@example.com", "ada@", "a da@example.com", "ada@example.com\n", &"a@".repeat(200)] {
            assert!(check_email(refused).is_err(), "{refused}");
        }
    }
}
