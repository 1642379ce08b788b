//! Brings the secrets in the database under the first master key, a batch at a time, beside everything that goes on.
//!
//! A row that somebody changed meanwhile is left to another pass, and what is under the first key already is passed over. So a
//! rotation may be broken off at any time, and begun again.

use std::collections::{BTreeMap, HashSet};

use sqlx::PgPool;
use tracing::error;
use uuid::Uuid;

use super::envelope::{self, PLAIN_MAX};
use super::key::{ID_LEN, MasterKeyId};
use super::{Place, Sealed, Vault};

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
}

impl Table {
    /// Every table with secrets.
    pub const ALL: [Self; 2] = [Self::Accounts, Self::Endpoints];

    fn place(self) -> Place {
        match self {
            Table::Accounts => Place::Account,
            Table::Endpoints => Place::Endpoint,
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

/// Rows with a secret that does not begin as one under the first master key does.
async fn stale(pool: &PgPool, table: Table, head: &[u8], after: Uuid, limit: i64) -> Result<Vec<Row>, sqlx::Error> {
    match table {
        Table::Accounts => {
            let rows = sqlx::query_as!(
                Row,
                r#"
                select id, webhook_secret as "secret: Sealed", null::bytea as "previous: Sealed" from accounts
                where id > $1 and (length(webhook_secret) <= $2 or substring(webhook_secret for length($3::bytea)) <> $3)
                order by id limit $4
                "#,
                after,
                PLAIN_MAX as i32,
                head,
                limit,
            );
            rows.fetch_all(pool).await
        }
        Table::Endpoints => {
            let rows = sqlx::query_as!(
                Row,
                r#"
                select id, secret as "secret: Sealed", previous_secret as "previous: Sealed" from webhook_endpoints
                where id > $1 and (length(secret) <= $2 or substring(secret for length($3::bytea)) <> $3
                    or length(previous_secret) <= $2 or substring(previous_secret for length($3::bytea)) <> $3)
                order by id limit $4
                "#,
                after,
                PLAIN_MAX as i32,
                head,
                limit,
            );
            rows.fetch_all(pool).await
        }
    }
}

/// Writes the new secrets of those rows that still have the old ones, and says which they are.
async fn replace(pool: &PgPool, table: Table, turned: &[&Turned]) -> Result<HashSet<Uuid>, sqlx::Error> {
    let written = match table {
        Table::Accounts => replace_in_accounts(pool, turned).await?,
        Table::Endpoints => replace_in_endpoints(pool, turned).await?,
    };
    Ok(written.into_iter().collect())
}

async fn replace_in_accounts(pool: &PgPool, turned: &[&Turned]) -> Result<Vec<Uuid>, sqlx::Error> {
    let ids: Vec<_> = turned.iter().map(|turned| turned.old.id).collect();
    let old: Vec<_> = turned.iter().map(|turned| turned.old.secret.bytes()).collect();
    let new: Vec<_> = turned.iter().map(|turned| turned.new.secret.bytes()).collect();
    sqlx::query_scalar!(
        r#"
        with turned as (select * from unnest($1::uuid[], $2::bytea[], $3::bytea[]) as turned (id, old, new)),
        -- In one order, so that no two statements wait for each other.
        held as materialized (
            select account.id, new from accounts as account join turned on turned.id = account.id
            where webhook_secret = old order by account.id for no key update of account
        )
        update accounts as account set webhook_secret = new from held where account.id = held.id
        returning account.id
        "#,
        &ids,
        &old as _,
        &new as _,
    )
    .fetch_all(pool)
    .await
}

async fn replace_in_endpoints(pool: &PgPool, turned: &[&Turned]) -> Result<Vec<Uuid>, sqlx::Error> {
    let ids: Vec<_> = turned.iter().map(|turned| turned.old.id).collect();
    let old: Vec<_> = turned.iter().map(|turned| turned.old.secret.bytes()).collect();
    let new: Vec<_> = turned.iter().map(|turned| turned.new.secret.bytes()).collect();
    let old_previous: Vec<_> = turned.iter().map(|turned| turned.old.previous.as_ref().map(Sealed::bytes)).collect();
    let new_previous: Vec<_> = turned.iter().map(|turned| turned.new.previous.as_ref().map(Sealed::bytes)).collect();
    sqlx::query_scalar!(
        r#"
        with turned as (
            select * from unnest($1::uuid[], $2::bytea[], $3::bytea[], $4::bytea[], $5::bytea[])
                as turned (id, old, new, old_previous, new_previous)
        ),
        -- In one order, so that no two statements wait for each other.
        held as materialized (
            select endpoint.id, new, new_previous
            from webhook_endpoints as endpoint join turned on turned.id = endpoint.id
            where secret = old and previous_secret is not distinct from old_previous
            order by endpoint.id for no key update of endpoint
        )
        update webhook_endpoints as endpoint set secret = new, previous_secret = new_previous
        from held where endpoint.id = held.id
        returning endpoint.id
        "#,
        &ids,
        &old as _,
        &new as _,
        &old_previous as _,
        &new_previous as _,
    )
    .fetch_all(pool)
    .await
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
