//! Destinations: buckets of an account's own, by name, where finished files go.

use std::str::FromStr;

use chrono::{DateTime, Utc};
use sqlx::{PgConnection, PgPool};

use crate::db;
use crate::id::{AccountId, DestinationId};
use crate::secret::SecretText;
use crate::storage::courier::{Identity, Target};
use crate::vault::{Place, Sealed, Vault, VaultError};

/// How many destinations an account may have.
pub const DESTINATIONS_MAX: i64 = 20;

/// A bucket of an account's own.
#[derive(Debug, Clone)]
pub struct Destination {
    /// Names it for programs.
    pub id: DestinationId,
    /// Whose it is.
    pub account_id: AccountId,
    /// What its owner calls it.
    pub name: String,
    /// The bucket.
    pub bucket: String,
    /// Where the bucket is.
    pub region: String,
    /// The S3 server's address; none means AWS itself.
    pub endpoint: Option<String>,
    /// What the keys of all files there start with.
    pub prefix: String,
    /// Whether the bucket is named in the path instead of the host.
    pub path_style: bool,
    /// The public part of the pair of keys that writes there.
    pub access_key_id: Option<String>,
    /// The secret part.
    pub secret: Option<Sealed>,
    /// The role that writes there, where there are no keys.
    pub role_arn: Option<String>,
    /// When it was made.
    pub created_at: DateTime<Utc>,
    /// When it was last changed.
    pub updated_at: DateTime<Utc>,
}

/// A statement that returns whole destinations: the text before the columns, the text after them, the arguments.
macro_rules! destination_query {
    ($before:literal, $after:literal $(, $argument:expr)* $(,)?) => {
        sqlx::query_as!(
            Destination,
            $before + r#"
            id as "id: DestinationId", account_id as "account_id: AccountId", name, bucket, region, endpoint, prefix, path_style,
            access_key_id, secret as "secret: Sealed", role_arn, created_at, updated_at
            "# + $after
            $(, $argument)*
        )
    };
}

impl Destination {
    /// The bucket and who writes there, with the secret opened.
    pub fn target(&self, vault: &Vault) -> Result<Target, VaultError> {
        let identity = match (&self.secret, &self.role_arn) {
            (Some(sealed), _) => {
                let secret = vault.open(Place::Destination, self.id.uuid(), sealed)?;
                Identity::Keys {
                    access_key_id: self.access_key_id.clone().unwrap_or_default(),
                    secret: SecretText::from(String::from_utf8_lossy(&secret).into_owned()),
                }
            }
            (None, role) => {
                Identity::Role { arn: role.clone().unwrap_or_default(), external_id: external_id(self.account_id) }
            }
        };
        Ok(Target {
            bucket: self.bucket.clone(),
            region: self.region.clone(),
            endpoint: self.endpoint.clone(),
            path_style: self.path_style,
            identity,
        })
    }

    /// What the keys of a job's files there start with.
    pub fn prefix_of(&self, job: crate::id::JobId) -> String {
        format!("{}{job}/", self.prefix)
    }
}

/// What a role has to ask for before it is ours to take on: it is the account's and nobody else's, so that no other account can make us
/// act for this one.
pub fn external_id(account: AccountId) -> String {
    account.to_string()
}

/// Which destination: by its id or its name. No name begins as an id does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Named {
    /// By its id.
    Id(DestinationId),
    /// By its name.
    Name(String),
}

impl FromStr for Named {
    type Err = std::convert::Infallible;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Ok(text.parse().map_or_else(|_| Self::Name(text.to_owned()), Self::Id))
    }
}

/// Why a destination was not made, changed or deleted.
#[derive(Debug, thiserror::Error)]
pub enum DestinationError {
    /// The account has no such destination.
    #[error("there is no such destination")]
    NotFound,
    /// The account has as many as it may have.
    #[error("an account has at most {DESTINATIONS_MAX} destinations")]
    TooMany,
    /// Another destination of the account has the name.
    #[error("another destination of the account has this name")]
    NameTaken,
    /// Jobs that have not ended go there.
    #[error("jobs that have not ended go to the destination")]
    InUse,
    /// The database did not answer.
    #[error("the database failed: {0}")]
    Database(sqlx::Error),
}

impl From<sqlx::Error> for DestinationError {
    fn from(error: sqlx::Error) -> Self {
        match error.as_database_error().and_then(|error| error.constraint()) {
            Some("destinations_name") => Self::NameTaken,
            Some("jobs_destination") => Self::InUse,
            _ => Self::Database(error),
        }
    }
}

/// A destination that is wished for.
#[derive(Debug)]
pub struct Wish {
    /// What to call it.
    pub name: String,
    /// The bucket.
    pub bucket: String,
    /// Where the bucket is.
    pub region: String,
    /// The S3 server's address; none means AWS itself.
    pub endpoint: Option<String>,
    /// What the keys of all files there start with.
    pub prefix: String,
    /// Whether the bucket is named in the path instead of the host.
    pub path_style: bool,
    /// Who writes there.
    pub writer: Writer,
}

/// Who writes to a destination.
#[derive(Debug)]
pub enum Writer {
    /// Whoever has this pair of keys.
    Keys {
        /// The public part.
        access_key_id: String,
        /// The secret part.
        secret: SecretText,
    },
    /// Whoever may take on this role.
    Role(String),
}

/// A writer as the table has it.
#[derive(Default)]
struct Columns {
    access_key_id: Option<String>,
    secret: Option<Sealed>,
    role_arn: Option<String>,
}

impl Columns {
    fn of(writer: &Writer, vault: &Vault, id: DestinationId) -> Self {
        match writer {
            Writer::Keys { access_key_id, secret } => Self {
                access_key_id: Some(access_key_id.clone()),
                secret: Some(vault.seal(Place::Destination, id.uuid(), secret.reveal().as_bytes())),
                role_arn: None,
            },
            Writer::Role(arn) => Self { role_arn: Some(arn.clone()), ..Self::default() },
        }
    }

    fn secret(&self) -> Option<&[u8]> {
        self.secret.as_ref().map(Sealed::bytes)
    }
}

/// Makes a destination.
pub async fn create(
    pool: &PgPool,
    vault: &Vault,
    account: AccountId,
    wish: &Wish,
) -> Result<Destination, DestinationError> {
    let mut tx = db::begin(pool).await?;
    // One at a time, so that two do not pass the limit together.
    sqlx::query!("select from accounts where id = $1 for no key update", account.uuid()).fetch_one(&mut *tx).await?;
    let destination = insert(&mut tx, vault, account, wish).await?.ok_or(DestinationError::TooMany)?;
    tx.commit().await?;
    Ok(destination)
}

async fn insert(
    tx: &mut PgConnection,
    vault: &Vault,
    account: AccountId,
    wish: &Wish,
) -> Result<Option<Destination>, sqlx::Error> {
    let id = DestinationId::new();
    let writer = Columns::of(&wish.writer, vault, id);
    destination_query!(
        r#"
        insert into destinations (id, account_id, name, bucket, region, endpoint, prefix, path_style, access_key_id, secret, role_arn)
        select $1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11
        where (select count(*) from destinations where account_id = $2) < $12
        returning"#,
        "",
        id.uuid(),
        account.uuid(),
        wish.name,
        wish.bucket,
        wish.region,
        wish.endpoint,
        wish.prefix,
        wish.path_style,
        writer.access_key_id,
        writer.secret(),
        writer.role_arn,
        DESTINATIONS_MAX,
    )
    .fetch_optional(tx)
    .await
}

/// The destination of this id or name, if the account has it.
pub async fn find(pool: &PgPool, account: AccountId, which: &Named) -> Result<Option<Destination>, sqlx::Error> {
    let (id, name) = match which {
        Named::Id(id) => (Some(id.uuid()), None),
        Named::Name(name) => (None, Some(name.as_str())),
    };
    destination_query!(
        "select",
        "from destinations where account_id = $1 and (id = $2 or name = $3)",
        account.uuid(),
        id,
        name
    )
    .fetch_optional(pool)
    .await
}

/// Up to `limit` destinations of the account in the order of their ids, which is that of their creation, from after `after` on.
pub async fn list(
    pool: &PgPool,
    account: AccountId,
    descending: bool,
    after: Option<DestinationId>,
    limit: i64,
) -> Result<Vec<Destination>, sqlx::Error> {
    destination_query!(
        "select",
        r#"
        from destinations
        where account_id = $1 and ($2::uuid is null or case when $3 then id < $2 else id > $2 end)
        order by case when $3 then id end desc, id limit $4
        "#,
        account.uuid(),
        after.map(DestinationId::uuid),
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
    /// The bucket.
    pub bucket: Option<String>,
    /// Where the bucket is.
    pub region: Option<String>,
    /// The S3 server's address; within, none means AWS itself.
    pub endpoint: Option<Option<String>>,
    /// What the keys of all files there start with.
    pub prefix: Option<String>,
    /// Whether the bucket is named in the path instead of the host.
    pub path_style: Option<bool>,
    /// Who writes there.
    pub writer: Option<Writer>,
}

/// Changes a destination, for jobs that are yet to be finished too.
pub async fn update(
    pool: &PgPool,
    vault: &Vault,
    account: AccountId,
    id: DestinationId,
    change: &Change,
) -> Result<Destination, DestinationError> {
    let writer = change.writer.as_ref().map(|writer| Columns::of(writer, vault, id)).unwrap_or_default();
    let updated = destination_query!(
        r#"
        update destinations
        set name = coalesce($3, name), bucket = coalesce($4, bucket), region = coalesce($5, region),
            endpoint = case when $6 then $7 else endpoint end, prefix = coalesce($8, prefix), path_style = coalesce($9, path_style),
            access_key_id = case when $10 then $11 else access_key_id end, secret = case when $10 then $12 else secret end,
            role_arn = case when $10 then $13 else role_arn end, updated_at = now()
        where account_id = $1 and id = $2
        returning"#,
        "",
        account.uuid(),
        id.uuid(),
        change.name,
        change.bucket,
        change.region,
        change.endpoint.is_some(),
        change.endpoint.as_ref().and_then(|endpoint| endpoint.as_deref()),
        change.prefix,
        change.path_style,
        change.writer.is_some(),
        writer.access_key_id,
        writer.secret(),
        writer.role_arn,
    );
    updated.fetch_optional(pool).await?.ok_or(DestinationError::NotFound)
}

/// Deletes a destination to which no job goes that has not ended.
pub async fn delete(pool: &PgPool, account: AccountId, id: DestinationId) -> Result<(), DestinationError> {
    let deleted = sqlx::query!("delete from destinations where account_id = $1 and id = $2", account.uuid(), id.uuid());
    match deleted.execute(pool).await?.rows_affected() {
        0 => Err(DestinationError::NotFound),
        _ => Ok(()),
    }
}
