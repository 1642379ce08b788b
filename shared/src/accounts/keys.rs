//! API keys: stored as a hash, shown once, revoked at once.

use chrono::{DateTime, Utc};
use sqlx::{PgConnection, PgPool};

use super::{AccountError, check_name};
use crate::id::{AccountId, KeyId};
use crate::secret::ApiKey;

/// What is known of a key after it was made.
#[derive(Debug)]
pub struct KeyRecord {
    /// Names the key.
    pub id: KeyId,
    /// What its owner calls it.
    pub name: String,
    /// The public part of the key, with which it starts.
    pub lookup: String,
    /// When it was made.
    pub created_at: DateTime<Utc>,
    /// Since when it is dead, if it is.
    pub revoked_at: Option<DateTime<Utc>>,
}

/// Makes a key of an account. The key itself is known only now.
pub async fn create(pool: &PgPool, account: AccountId, name: &str) -> Result<(KeyId, ApiKey), AccountError> {
    check_name(name)?;
    let (id, key) = (KeyId::new(), ApiKey::generate());
    let hash = key.hash();
    let inserted = sqlx::query!(
        "insert into api_keys (id, account_id, name, lookup, hash) select $1, id, $3, $4, $5 from accounts where id = $2",
        id.uuid(),
        account.uuid(),
        name,
        key.lookup(),
        hash.as_slice(),
    );
    match inserted.execute(pool).await?.rows_affected() {
        0 => Err(AccountError::NotFound),
        _ => Ok((id, key)),
    }
}

/// All keys of an account, oldest first.
pub async fn list(pool: &PgPool, account: AccountId) -> Result<Vec<KeyRecord>, AccountError> {
    let keys = sqlx::query_as!(
        KeyRecord,
        r#"
        select id as "id: KeyId", name, lookup, created_at, revoked_at
        from api_keys where account_id = $1 order by created_at, id limit 1000
        "#,
        account.uuid(),
    );
    Ok(keys.fetch_all(pool).await?)
}

/// Ends a key. Ending it again changes nothing.
pub async fn revoke(pool: &PgPool, account: AccountId, key: KeyId) -> Result<(), AccountError> {
    let revoked = sqlx::query!(
        "update api_keys set revoked_at = coalesce(revoked_at, now()) where account_id = $1 and id = $2",
        account.uuid(),
        key.uuid(),
    );
    match revoked.execute(pool).await?.rows_affected() {
        0 => Err(AccountError::NotFound),
        _ => Ok(()),
    }
}

/// Who stands behind a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Identity {
    /// Whom the key speaks for.
    pub account: AccountId,
    /// Which of its keys it is.
    pub key: KeyId,
}

/// Whose keys these are, in their order; none where one is nobody's or dead.
pub async fn authenticate_all(
    connection: &mut PgConnection,
    keys: &[ApiKey],
) -> Result<Vec<Option<Identity>>, sqlx::Error> {
    let lookups: Vec<&str> = keys.iter().map(ApiKey::lookup).collect();
    let rows = sqlx::query!(
        r#"
        select id as "id: KeyId", account_id as "account_id: AccountId", lookup, hash
        from api_keys where lookup = any ($1) and revoked_at is null
        "#,
        &lookups as _,
    );
    let rows = rows.fetch_all(connection).await?;
    let whose = |key: &ApiKey| rows.iter().find(|row| row.lookup == key.lookup() && key.proves(&row.hash));
    let identity = |key| whose(key).map(|row| Identity { account: row.account_id, key: row.id });
    Ok(keys.iter().map(identity).collect())
}

/// Whose key this is; none if it is nobody's or dead.
pub async fn authenticate(pool: &PgPool, key: &ApiKey) -> Result<Option<Identity>, sqlx::Error> {
    Ok(authenticate_all(&mut *pool.acquire().await?, std::slice::from_ref(key)).await?.pop().flatten())
}
