//! Webhook endpoints: where an account is told of its events, beside the `webhook_url` of a single job.

use std::iter;

use chrono::{DateTime, Utc};
use sqlx::{PgConnection, PgPool};

use crate::db;
use crate::id::{AccountId, EndpointId};
use crate::secret::WebhookSecret;
use crate::vault::{Place, Sealed, Vault, VaultError};

/// Endpoints that an account may have.
pub const ENDPOINTS_MAX: i64 = 20;

/// One endpoint of an account.
#[derive(Debug)]
pub struct Endpoint {
    /// Names it.
    pub id: EndpointId,
    /// What its owner calls it.
    pub name: String,
    /// Where it is.
    pub url: String,
    /// The kinds of events that it takes; none means all.
    pub event_types: Option<Vec<String>>,
    secret: Sealed,
    /// Signs too until a rotation's overlap is over.
    previous_secret: Option<Sealed>,
    /// Why it is told nothing more, if that is so.
    pub disabled_reason: Option<DisabledReason>,
    /// When it was made.
    pub created_at: DateTime<Utc>,
    /// When its owner, or a disabling, last changed it.
    pub updated_at: DateTime<Utc>,
    /// What time it was when this was read, by the database's clock.
    pub read_at: DateTime<Utc>,
}

/// Why an endpoint is told nothing more.
#[derive(Debug, Clone, Copy, PartialEq, Eq, sqlx::Type)]
#[sqlx(type_name = "endpoint_disabled_reason", rename_all = "snake_case")]
pub enum DisabledReason {
    /// It answered with 410.
    Gone,
    /// For days nothing that was sent to it arrived.
    Failing,
    /// Its owner wanted it so.
    Requested,
}

impl DisabledReason {
    /// The word for it.
    pub fn as_str(self) -> &'static str {
        match self {
            DisabledReason::Gone => "gone",
            DisabledReason::Failing => "failing",
            DisabledReason::Requested => "requested",
        }
    }
}

/// A statement that returns whole endpoints: the text before the columns, the text after them, the arguments.
macro_rules! endpoint_query {
    ($before:literal, $after:literal $(, $argument:expr)* $(,)?) => {
        sqlx::query_as!(
            Endpoint,
            $before + r#"
            endpoint.id as "id: EndpointId", endpoint.name, endpoint.url, endpoint.event_types,
            endpoint.secret as "secret: Sealed",
            case when endpoint.previous_until > now() then endpoint.previous_secret end as "previous_secret: Sealed",
            endpoint.disabled_reason as "disabled_reason: DisabledReason", endpoint.created_at, endpoint.updated_at,
            now() as "read_at!: DateTime<Utc>"
            "# + $after
            $(, $argument)*
        )
    };
}

impl Endpoint {
    /// Signs what is sent to it.
    pub fn secret(&self, vault: &Vault) -> Result<WebhookSecret, VaultError> {
        vault.open_webhook(Place::Endpoint, self.id.uuid(), &self.secret)
    }

    /// The secrets that sign what is sent to it now, the newest first.
    pub fn secrets(&self, vault: &Vault) -> Result<Vec<WebhookSecret>, VaultError> {
        let previous = self.previous_secret.iter();
        let previous = previous.map(|sealed| vault.open_webhook(Place::Endpoint, self.id.uuid(), sealed));
        iter::once(self.secret(vault)).chain(previous).collect()
    }
}

/// Why there is no new endpoint.
#[derive(Debug, thiserror::Error)]
pub enum CreateError {
    /// The account has as many as it may have.
    #[error("an account has at most {ENDPOINTS_MAX} webhook endpoints")]
    TooMany,
    /// The database did not answer.
    #[error("the database failed: {0}")]
    Database(#[from] sqlx::Error),
}

/// An endpoint that is wished for.
#[derive(Debug)]
pub struct Wish {
    /// What to call it.
    pub name: String,
    /// Where it is.
    pub url: String,
    /// The kinds of events that it takes; none means all.
    pub event_types: Option<Vec<String>>,
}

/// Makes an endpoint with a new secret. It is told of what happens from now on.
pub async fn create(pool: &PgPool, vault: &Vault, account: AccountId, wish: &Wish) -> Result<Endpoint, CreateError> {
    let mut tx = db::begin(pool).await?;
    // One at a time, so that two do not pass the limit together.
    sqlx::query!("select from accounts where id = $1 for no key update", account.uuid()).fetch_one(&mut *tx).await?;
    let endpoint = insert(&mut tx, vault, account, wish).await?.ok_or(CreateError::TooMany)?;
    tx.commit().await?;
    Ok(endpoint)
}

async fn insert(
    tx: &mut PgConnection,
    vault: &Vault,
    account: AccountId,
    wish: &Wish,
) -> Result<Option<Endpoint>, sqlx::Error> {
    let id = EndpointId::new().uuid();
    let secret = vault.seal(Place::Endpoint, id, WebhookSecret::generate().bytes());
    endpoint_query!(
        r#"
        insert into webhook_endpoints as endpoint (id, account_id, name, url, event_types, secret)
        select $1, $2, $3, $4, $5, $6 where (select count(*) from webhook_endpoints where account_id = $2) < $7
        returning"#,
        "",
        id,
        account.uuid(),
        wish.name,
        wish.url,
        wish.event_types.as_deref(),
        secret.bytes(),
        ENDPOINTS_MAX,
    )
    .fetch_optional(tx)
    .await
}

/// The endpoint of this id, if the account has it.
pub async fn find(pool: &PgPool, account: AccountId, id: EndpointId) -> Result<Option<Endpoint>, sqlx::Error> {
    endpoint_query!(
        "select",
        "from webhook_endpoints as endpoint where account_id = $1 and id = $2",
        account.uuid(),
        id.uuid()
    )
    .fetch_optional(pool)
    .await
}

/// Up to `limit` endpoints of the account in the order of their ids, which is that of their creation, from after `after` on.
pub async fn list(
    pool: &PgPool,
    account: AccountId,
    descending: bool,
    after: Option<EndpointId>,
    limit: i64,
) -> Result<Vec<Endpoint>, sqlx::Error> {
    endpoint_query!(
        "select",
        r#"
        from webhook_endpoints as endpoint
        where account_id = $1 and ($2::uuid is null or case when $3 then id < $2 else id > $2 end)
        order by case when $3 then id end desc, id limit $4
        "#,
        account.uuid(),
        after.map(EndpointId::uuid),
        descending,
        limit,
    )
    .fetch_all(pool)
    .await
}

/// What to change; what is none stays.
#[derive(Debug, Default)]
pub struct Change {
    /// What to call it.
    pub name: Option<String>,
    /// Where it is.
    pub url: Option<String>,
    /// The kinds of events that it takes; within, none means all.
    pub event_types: Option<Option<Vec<String>>>,
    /// Whether it is told anything.
    pub enabled: Option<bool>,
}

/// Changes an endpoint, if the account has it. At a new address, or enabled anew, it has not failed yet.
pub async fn update(
    pool: &PgPool,
    account: AccountId,
    id: EndpointId,
    change: &Change,
) -> Result<Option<Endpoint>, sqlx::Error> {
    endpoint_query!(
        r#"
        with wish as (
            select id, coalesce($3, name) as name, coalesce($4, url) as url,
                case when $5 then $6 else event_types end as event_types, coalesce($7, disabled_at is null) as enabled
            from webhook_endpoints where account_id = $1 and id = $2 for no key update
        )
        update webhook_endpoints as endpoint
        set name = wish.name, url = wish.url, event_types = wish.event_types,
            disabled_at = case when not enabled then coalesce(disabled_at, now()) end,
            disabled_reason = case when not enabled then coalesce(disabled_reason, 'requested') end,
            failing_since = case when wish.url = endpoint.url and enabled = (disabled_at is null) then failing_since end,
            updated_at = case
                when (wish.name, wish.url, wish.event_types, enabled)
                    is distinct from (endpoint.name, endpoint.url, endpoint.event_types, disabled_at is null)
                then now() else updated_at
            end
        from wish where endpoint.id = wish.id
        returning"#,
        "",
        account.uuid(),
        id.uuid(),
        change.name,
        change.url,
        change.event_types.is_some(),
        change.event_types.as_ref().and_then(|event_types| event_types.as_deref()),
        change.enabled,
    )
    .fetch_optional(pool)
    .await
}

/// Gives an endpoint a new secret, if the account has it. The old one signs for another 24 hours if it is to be kept.
pub async fn rotate(
    pool: &PgPool,
    vault: &Vault,
    account: AccountId,
    id: EndpointId,
    keep_old: bool,
) -> Result<Option<Endpoint>, sqlx::Error> {
    let secret = vault.seal(Place::Endpoint, id.uuid(), WebhookSecret::generate().bytes());
    endpoint_query!(
        r#"
        update webhook_endpoints as endpoint
        set secret = $3, previous_secret = case when $4 then secret end,
            previous_until = case when $4 then now() + interval '24 hours' end, updated_at = now()
        where account_id = $1 and id = $2
        returning"#,
        "",
        account.uuid(),
        id.uuid(),
        secret.bytes(),
        keep_old,
    )
    .fetch_optional(pool)
    .await
}

/// Deletes an endpoint with its deliveries and their log. Says whether the account had it.
pub async fn delete(pool: &PgPool, account: AccountId, id: EndpointId) -> Result<bool, sqlx::Error> {
    let deleted =
        sqlx::query!("delete from webhook_endpoints where account_id = $1 and id = $2", account.uuid(), id.uuid());
    Ok(deleted.execute(pool).await?.rows_affected() == 1)
}
