//! API keys: stored as a hash, shown once, revoked at once.

use chrono::{DateTime, Utc};
use sqlx::{PgConnection, PgPool};

use super::scope::Scopes;
use super::{AccountError, check_name};
use crate::id::{AccountId, KeyId};
use crate::secret::ApiKey;

/// Live keys that an account may have at the same time.
pub const KEYS_MAX: i64 = 100;

/// What is known of a key after it was made.
#[derive(Debug)]
pub struct KeyRecord {
    /// Names the key.
    pub id: KeyId,
    /// What its owner calls it.
    pub name: String,
    /// The public part of the key, with which it starts.
    pub lookup: String,
    /// What it may be used for.
    pub scopes: Scopes,
    /// When it was made.
    pub created_at: DateTime<Utc>,
    /// When it ends by itself, if it does.
    pub expires_at: Option<DateTime<Utc>>,
    /// When it was last used, to about a minute.
    pub last_used_at: Option<DateTime<Utc>>,
    /// Since when it is dead, if it is.
    pub revoked_at: Option<DateTime<Utc>>,
}

/// What a key shall be.
#[derive(Debug, Clone)]
pub struct KeyWish<'a> {
    /// What to call it.
    pub name: &'a str,
    /// What it may be used for.
    pub scopes: Scopes,
    /// When it ends by itself.
    pub expires_at: Option<DateTime<Utc>>,
}

impl<'a> KeyWish<'a> {
    /// A key for everything, without an end.
    pub fn named(name: &'a str) -> Self {
        Self { name, scopes: Scopes::all(), expires_at: None }
    }
}

/// Makes a key of an account. The key itself is known only now.
pub async fn create(
    pool: &PgPool,
    account: AccountId,
    wish: &KeyWish<'_>,
) -> Result<(KeyRecord, ApiKey), AccountError> {
    check_name(wish.name)?;
    let (id, key) = (KeyId::new(), ApiKey::generate());
    let hash = key.hash();
    let inserted = sqlx::query_as!(
        KeyRecord,
        r#"
        insert into api_keys (id, account_id, name, lookup, hash, scopes, expires_at)
        select $1, id, $3, $4, $5, $6, $7 from accounts
        where id = $2 and deleted_at is null and $8 > (
            select count(*) from api_keys where account_id = $2 and revoked_at is null and coalesce(expires_at > now(), true)
        )
        returning id as "id: KeyId", name, lookup, scopes, created_at, expires_at, last_used_at, revoked_at
        "#,
        id.uuid(),
        account.uuid(),
        wish.name,
        key.lookup(),
        hash.as_slice(),
        &wish.scopes.texts(),
        wish.expires_at,
        KEYS_MAX,
    );
    match inserted.fetch_optional(pool).await? {
        Some(record) => Ok((record, key)),
        None if super::profile::find(pool, account).await?.is_some() => Err(AccountError::TooManyKeys),
        None => Err(AccountError::NotFound),
    }
}

/// All keys of an account, oldest first.
pub async fn list(pool: &PgPool, account: AccountId) -> Result<Vec<KeyRecord>, AccountError> {
    let keys = sqlx::query_as!(
        KeyRecord,
        r#"
        select id as "id: KeyId", name, lookup, scopes, created_at, expires_at, last_used_at, revoked_at
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

/// Removes all keys of an account, whose keys are dead from then on. Says how many there were.
pub(super) async fn delete_all(tx: &mut PgConnection, account: AccountId) -> Result<i64, sqlx::Error> {
    let deleted = sqlx::query!("delete from api_keys where account_id = $1", account.uuid());
    Ok(deleted.execute(tx).await?.rows_affected() as i64)
}

/// Notes that the keys with these public parts were used.
pub async fn touch(pool: &PgPool, lookups: &[String]) -> Result<(), sqlx::Error> {
    sqlx::query!("update api_keys set last_used_at = now() where lookup = any ($1)", lookups)
        .execute(pool)
        .await
        .map(drop)
}

/// Who stands behind a key, and what it may be used for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Identity {
    /// Whom the key speaks for.
    pub account: AccountId,
    /// Which of its keys it is.
    pub key: KeyId,
    /// What it may be used for.
    pub scopes: Scopes,
    /// Whether each video of the account has to carry a mark.
    pub watermark_required: bool,
}

/// Whose keys these are, in their order; none where one is nobody's or dead.
pub async fn authenticate_all(
    connection: &mut PgConnection,
    keys: &[ApiKey],
) -> Result<Vec<Option<Identity>>, sqlx::Error> {
    let lookups: Vec<&str> = keys.iter().map(ApiKey::lookup).collect();
    let rows = sqlx::query!(
        r#"
        select id as "id: KeyId", account_id as "account_id: AccountId", lookup, hash, scopes,
            (select watermark_required from accounts where accounts.id = account_id) as "watermark_required!"
        from api_keys where lookup = any ($1) and revoked_at is null and (expires_at is null or expires_at > now())
        "#,
        &lookups as _,
    );
    let rows = rows.fetch_all(connection).await?;
    let whose = |key: &ApiKey| rows.iter().find(|row| row.lookup == key.lookup() && key.proves(&row.hash));
    let identity = |key| {
        whose(key).map(|row| Identity {
            account: row.account_id,
            key: row.id,
            scopes: row.scopes.clone().into(),
            watermark_required: row.watermark_required,
        })
    };
    Ok(keys.iter().map(identity).collect())
}

/// Whose key this is; none if it is nobody's or dead.
pub async fn authenticate(pool: &PgPool, key: &ApiKey) -> Result<Option<Identity>, sqlx::Error> {
    Ok(authenticate_all(&mut *pool.acquire().await?, std::slice::from_ref(key)).await?.pop().flatten())
}
