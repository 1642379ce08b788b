//! Keys of those who run the service. Whatever is done with one is written into the audit log of the account that it is done to.

use chrono::{DateTime, Utc};
use sqlx::PgPool;

use super::{AccountError, check_name};
use crate::id::OperatorKeyId;
use crate::secret::OperatorKey;

/// Who stands behind an operator's key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Operator {
    /// Which key it is.
    pub key: OperatorKeyId,
    /// What the key is called.
    pub name: String,
}

/// What is known of a key after it was made.
#[derive(Debug)]
pub struct OperatorKeyRecord {
    /// Names the key.
    pub id: OperatorKeyId,
    /// What it is called.
    pub name: String,
    /// The public part of the key, with which it starts.
    pub lookup: String,
    /// When it was made.
    pub created_at: DateTime<Utc>,
    /// When it ends by itself, if it does.
    pub expires_at: Option<DateTime<Utc>>,
    /// When it was last used.
    pub last_used_at: Option<DateTime<Utc>>,
    /// Since when it is dead, if it is.
    pub revoked_at: Option<DateTime<Utc>>,
}

/// Makes a key that ends after so many days, if any are given. The key itself is known only now.
pub async fn create(
    pool: &PgPool,
    name: &str,
    days: Option<i32>,
) -> Result<(OperatorKeyId, OperatorKey), AccountError> {
    check_name(name)?;
    let (id, key) = (OperatorKeyId::new(), OperatorKey::generate());
    let hash = key.hash();
    sqlx::query!(
        r#"
        insert into operator_keys (id, name, lookup, hash, expires_at)
        values ($1, $2, $3, $4, now() + make_interval(days => $5))
        "#,
        id.uuid(),
        name,
        key.lookup(),
        hash.as_slice(),
        days,
    )
    .execute(pool)
    .await?;
    Ok((id, key))
}

/// All keys, oldest first.
pub async fn list(pool: &PgPool) -> Result<Vec<OperatorKeyRecord>, sqlx::Error> {
    sqlx::query_as!(
        OperatorKeyRecord,
        r#"
        select id as "id: OperatorKeyId", name, lookup, created_at, expires_at, last_used_at, revoked_at
        from operator_keys order by created_at, id limit 1000
        "#
    )
    .fetch_all(pool)
    .await
}

/// Ends a key. Ending it again changes nothing.
pub async fn revoke(pool: &PgPool, key: OperatorKeyId) -> Result<(), AccountError> {
    let revoked =
        sqlx::query!("update operator_keys set revoked_at = coalesce(revoked_at, now()) where id = $1", key.uuid());
    match revoked.execute(pool).await?.rows_affected() {
        0 => Err(AccountError::NotFound),
        _ => Ok(()),
    }
}

/// Whose key this is; none if it is nobody's or dead.
pub async fn authenticate(pool: &PgPool, key: &OperatorKey) -> Result<Option<Operator>, sqlx::Error> {
    let hash = key.hash();
    // A hash may be compared byte by byte: who could learn how far it matched would learn nothing of the key.
    sqlx::query_as!(
        Operator,
        r#"
        update operator_keys set last_used_at = now()
        where lookup = $1 and hash = $2 and revoked_at is null and (expires_at is null or expires_at > now())
        returning id as "key: OperatorKeyId", name
        "#,
        key.lookup(),
        hash.as_slice(),
    )
    .fetch_optional(pool)
    .await
}
