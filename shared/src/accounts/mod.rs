//! Accounts: who owns jobs.

use chrono::{DateTime, Utc};
use sqlx::{PgConnection, PgPool};

use crate::id::AccountId;
use crate::secret::WebhookSecret;
use crate::vault::{Place, Sealed, Vault, VaultError};

pub mod audit;
pub mod consent;
pub mod credits;
pub mod erasure;
pub mod export;
pub mod hold;
pub mod keys;
pub mod lasting;
pub mod limitation;
pub mod limits;
pub mod operators;
pub mod privacy;
pub mod profile;
pub mod scope;
pub mod usage;
pub mod watermark;

/// A customer.
#[derive(Debug)]
pub struct Account {
    /// Its identifier.
    pub id: AccountId,
    /// What it calls itself.
    pub name: String,
    /// Signs its webhooks.
    pub webhook_secret: WebhookSecret,
}

/// Why nothing came of what was asked of an account.
#[derive(Debug, thiserror::Error)]
pub enum AccountError {
    /// The name is empty or too long.
    #[error("an account's name has 1 to 200 characters")]
    Name,
    /// The e-mail address is none.
    #[error("an e-mail address has 3 to 320 characters with an @ among them, and no space")]
    Email,
    /// The version of a wording is empty or too long.
    #[error("the version of a wording has 1 to 100 characters")]
    Wording,
    /// There is no account or key of this id.
    #[error("there is no such account or key")]
    NotFound,
    /// The account has as many live keys as it may.
    #[error("the account has as many keys as it may")]
    TooManyKeys,
    /// Only an operator may let processing go on.
    #[error("only an operator may let processing go on")]
    LimitedByOperator,
    /// Nothing of the account may be deleted until then.
    #[error("nothing of the account may be deleted until {0}")]
    Held(DateTime<Utc>),
    /// Its secret does not open.
    #[error(transparent)]
    Vault(#[from] VaultError),
    /// The database did not answer.
    #[error("the database failed: {0}")]
    Database(#[from] sqlx::Error),
}

/// Makes an account with a new webhook secret. `keep_history` keeps its source images until it deletes the video.
pub async fn create(pool: &PgPool, vault: &Vault, name: &str, keep_history: bool) -> Result<Account, AccountError> {
    create_in(&mut *pool.acquire().await?, vault, name, keep_history).await
}

/// Makes an account inside of a transaction.
pub async fn create_in(
    tx: &mut PgConnection,
    vault: &Vault,
    name: &str,
    keep_history: bool,
) -> Result<Account, AccountError> {
    check_name(name)?;
    let account = Account { id: AccountId::new(), name: name.to_owned(), webhook_secret: WebhookSecret::generate() };
    let sealed = vault.seal(Place::Account, account.id.uuid(), account.webhook_secret.bytes());
    sqlx::query!(
        "insert into accounts (id, name, webhook_secret, keep_history) values ($1, $2, $3, $4)",
        account.id.uuid(),
        account.name,
        sealed.bytes(),
        keep_history,
    )
    .execute(tx)
    .await?;
    Ok(account)
}

/// The account of this id.
pub async fn get(pool: &PgPool, vault: &Vault, account: AccountId) -> Result<Account, AccountError> {
    let row = sqlx::query!(
        r#"select name, webhook_secret as "webhook_secret: Sealed" from accounts where id = $1"#,
        account.uuid()
    );
    let row = row.fetch_optional(pool).await?.ok_or(AccountError::NotFound)?;
    let webhook_secret = vault.open_webhook(Place::Account, account.uuid(), &row.webhook_secret)?;
    Ok(Account { id: account, name: row.name, webhook_secret })
}

/// The oldest account of this name, if there is one.
pub async fn find_by_name(pool: &PgPool, name: &str) -> Result<Option<AccountId>, AccountError> {
    let id = sqlx::query_scalar!(
        r#"select id as "id: AccountId" from accounts where name = $1 order by created_at limit 1"#,
        name
    );
    Ok(id.fetch_optional(pool).await?)
}

fn check_name(name: &str) -> Result<(), AccountError> {
    let acceptable = (1..=200).contains(&name.chars().count()) && !name.contains('\0');
    acceptable.then_some(()).ok_or(AccountError::Name)
}
