//! Legal holds: while one lasts, nothing of the account is deleted, whether its time is over or its owner asks for it.

use chrono::{DateTime, Utc};
use sqlx::{PgConnection, PgPool};

use super::{AccountError, privacy};
use crate::db;
use crate::id::AccountId;

/// Characters of the reason for a hold.
pub const REASON_MAX_CHARS: usize = 500;

/// Sets a hold, for this reason and until then, or ends it.
pub async fn set(
    tx: &mut PgConnection,
    account: AccountId,
    hold: Option<(&str, DateTime<Utc>)>,
) -> Result<(), AccountError> {
    let set = sqlx::query!(
        "update accounts set hold_reason = $2, hold_until = $3 where id = $1",
        account.uuid(),
        hold.map(|(reason, _)| reason),
        hold.map(|(_, until)| until),
    );
    if set.execute(&mut *tx).await?.rows_affected() == 0 {
        return Err(AccountError::NotFound);
    }
    privacy::mark_records(tx, account).await?;
    Ok(())
}

/// Whether things of the account may be deleted.
///
/// # Errors
/// `Held` says until when not.
pub async fn check(pool: &PgPool, account: AccountId) -> Result<(), AccountError> {
    let until =
        sqlx::query_scalar!("select hold_until from accounts where id = $1 and hold_until > now()", account.uuid(),);
    match until.fetch_optional(pool).await?.flatten() {
        Some(until) => Err(AccountError::Held(until)),
        None => Ok(()),
    }
}

/// Ends holds whose time is over, up to `limit`. Says how many there were.
pub async fn lapse(pool: &PgPool, limit: i64) -> Result<usize, sqlx::Error> {
    let mut tx = db::begin(pool).await?;
    let lapsed = sqlx::query_scalar!(
        r#"
        update accounts set hold_reason = null, hold_until = null
        where id in (select id from accounts where hold_until <= now() limit $1 for update skip locked)
        returning id as "id: AccountId"
        "#,
        limit,
    );
    let lapsed = lapsed.fetch_all(&mut *tx).await?;
    for account in &lapsed {
        privacy::mark_records(&mut tx, *account).await?;
    }
    tx.commit().await?;
    Ok(lapsed.len())
}
