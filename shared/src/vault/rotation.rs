//! Brings the secrets in the database under the first master key, a batch at a time, beside everything that goes on.
//!
//! A row that somebody changed meanwhile is left to another pass, and what is under the first key already is passed over. So a
//! rotation may be broken off at any time, and begun again.

use std::collections::BTreeMap;

use sqlx::PgPool;
use tracing::error;
use uuid::Uuid;

use super::envelope::{self, PLAIN_MAX};
use super::key::{ID_LEN, MasterKeyId};
use super::{Place, Sealed, Vault};

mod table;

use table::{replace, stale};

/// Rows that are read and written at once.
const BATCH: i64 = 200;

/// What a rotation did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Rotated {
    /// Secrets that were stored as they are, and are sealed now.
    pub sealed: u64,
    /// Secrets that were under another master key, and are under the first one now.
    pub rewrapped: u64,
    /// Secrets that do not open, and stay as they are. Why is in the log.
    pub failed: u64,
}

/// Brings every secret under the first master key. Without one it does nothing.
pub async fn rotate(pool: &PgPool, vault: &Vault) -> Result<Rotated, sqlx::Error> {
    let mut rotated = Rotated::default();
    loop {
        let mut missed = false;
        rotated.failed = 0;
        for table in Table::ALL {
            let mut after = Uuid::nil();
            while let Some(step) = step(pool, vault, table, after, BATCH).await? {
                rotated.sealed += step.rotated.sealed;
                rotated.rewrapped += step.rotated.rewrapped;
                rotated.failed += step.rotated.failed;
                missed |= step.missed;
                after = step.last;
            }
        }
        if !missed {
            return Ok(rotated);
        }
    }
}

/// A table with secrets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Table {
    /// `accounts`.
    Accounts,
    /// `webhook_endpoints`.
    Endpoints,
    /// `destinations`.
    Destinations,
    /// `jobs` that have not ended.
    Jobs,
}

impl Table {
    /// Every table with secrets.
    pub const ALL: [Self; 4] = [Self::Accounts, Self::Endpoints, Self::Destinations, Self::Jobs];

    fn place(self) -> Place {
        match self {
            Table::Accounts => Place::Account,
            Table::Endpoints => Place::Endpoint,
            Table::Destinations => Place::Destination,
            Table::Jobs => Place::Upload,
        }
    }
}

/// What one batch came to.
#[derive(Debug)]
pub struct Step {
    /// The last row that was looked at.
    pub last: Uuid,
    /// What was done.
    pub rotated: Rotated,
    /// Whether somebody changed a row meanwhile, which may have left an old secret in it.
    pub missed: bool,
}

/// Brings the secrets of up to `limit` rows under the first master key, from after the row `after` on. None if there are no
/// more.
pub async fn step(
    pool: &PgPool,
    vault: &Vault,
    table: Table,
    after: Uuid,
    limit: i64,
) -> Result<Option<Step>, sqlx::Error> {
    let Some(first) = vault.0.first() else { return Ok(None) };
    let rows = stale(pool, table, &envelope::head(first), after, limit).await?;
    let Some(last) = rows.last().map(|row| row.id) else { return Ok(None) };
    let turned: Vec<Turned> = rows.into_iter().map(|row| row.turn(vault, table.place())).collect();
    let failed = turned.iter().map(|turned| turned.count.failed).sum();
    let wanted: Vec<&Turned> =
        turned.iter().filter(|turned| turned.count.sealed + turned.count.rewrapped > 0).collect();
    let written = replace(pool, table, &wanted).await?;
    let done = wanted.iter().filter(|turned| written.contains(&turned.old.id)).map(|turned| turned.count);
    let rotated = done.fold(Rotated { failed, ..Rotated::default() }, |sum, count| Rotated {
        sealed: sum.sealed + count.sealed,
        rewrapped: sum.rewrapped + count.rewrapped,
        ..sum
    });
    Ok(Some(Step { last, rotated, missed: written.len() < wanted.len() }))
}

/// The secrets of one row.
#[derive(Clone)]
struct Row {
    id: Uuid,
    secret: Sealed,
    previous: Option<Sealed>,
}

/// A row as it was and as it shall be.
struct Turned {
    old: Row,
    new: Row,
    count: Rotated,
}

impl Row {
    fn turn(self, vault: &Vault, place: Place) -> Turned {
        let (mut new, mut count) = (self.clone(), Rotated::default());
        for secret in [Some(&mut new.secret), new.previous.as_mut()].into_iter().flatten() {
            match vault.renew(place, self.id, secret) {
                Ok(Some(renewed)) => {
                    *secret = renewed.sealed;
                    let counted = if renewed.was_plain { &mut count.sealed } else { &mut count.rewrapped };
                    *counted += 1;
                }
                Ok(None) => {}
                Err(error) => {
                    error!(owner = %self.id, ?place, %error, "A secret does not open");
                    count.failed += 1;
                }
            }
        }
        Turned { old: self, new, count }
    }
}

/// How many secrets are under which master key; under none are those that are stored as they are.
pub async fn census(pool: &PgPool) -> Result<BTreeMap<Option<MasterKeyId>, i64>, sqlx::Error> {
    let rows = sqlx::query!(
        r#"
        select case when length(secret) > $1 and get_byte(secret, 0) > 0 then substring(secret from 2 for $2) end as key,
            count(*) as "count!"
        from (
            select webhook_secret from accounts union all select secret from webhook_endpoints
            union all select previous_secret from webhook_endpoints where previous_secret is not null
            union all select secret from destinations where secret is not null
            union all select upload_url from jobs where upload_url is not null
        ) as secrets (secret)
        group by 1
        "#,
        PLAIN_MAX as i32,
        ID_LEN as i32,
    );
    let rows = rows.fetch_all(pool).await?.into_iter();
    let id = |key: Vec<u8>| <[u8; ID_LEN]>::try_from(key).ok().map(MasterKeyId::from);
    Ok(rows.map(|row| (row.key.and_then(id), row.count)).collect())
}
