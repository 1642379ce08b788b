//! Credits: granted by an operator, reserved by a submit, charged for a finished video, given back for anything else. The triggers
//! of the jobs' table keep this ledger; here it is granted and read.

use std::collections::BTreeMap;
use std::str::FromStr;

use chrono::{DateTime, Utc};
use serde::Serialize;
use sqlx::{PgConnection, PgPool};
use uuid::Uuid;

use super::AccountError;
use crate::id::{AccountId, CreditId, JobId};
use crate::tier::{Size, Tier};

/// The most that is granted, or taken back, at once.
pub const GRANT_MAX: i64 = 1_000_000_000_000;

/// What videos cost: credits for a million pixels shown for a second, by tier.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Prices(BTreeMap<Tier, u32>);

impl Prices {
    /// What a million pixels shown for a second cost in a tier.
    pub fn per_unit(&self, tier: Tier) -> u32 {
        self.0.get(&tier).copied().unwrap_or(1)
    }

    /// What a video costs: whole credits, a started one counts.
    pub fn of(&self, tier: Tier, size: Size, seconds: i32) -> i64 {
        let pixels = u64::from(size.width) * u64::from(size.height) * u64::from(seconds.unsigned_abs());
        let credits = (pixels * u64::from(self.per_unit(tier))).div_ceil(1_000_000).max(1);
        i64::try_from(credits).unwrap_or(i64::MAX)
    }
}

impl Default for Prices {
    fn default() -> Self {
        Self(BTreeMap::from([(Tier::Fast, 10), (Tier::Pro, 50)]))
    }
}

impl FromStr for Prices {
    type Err = String;

    /// Reads `fast=10,pro=50`; a tier that is left out keeps its usual price.
    fn from_str(text: &str) -> Result<Self, String> {
        let mut prices = Self::default();
        for pair in text.split(',').map(str::trim).filter(|pair| !pair.is_empty()) {
            let (tier, price) = pair.split_once('=').ok_or_else(|| format!("{pair}: must be tier=credits"))?;
            let price = price.parse().ok().filter(|price| (1..=1_000_000).contains(price));
            let price = price.ok_or_else(|| format!("{pair}: the credits must be a whole number from 1 to 1000000"))?;
            prices.0.insert(tier.parse().map_err(|error| format!("{pair}: {error}"))?, price);
        }
        Ok(prices)
    }
}

/// How the credits of an account stand.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Balance {
    /// Whether submits need credits.
    pub metered: bool,
    /// All that was granted.
    pub granted: i64,
    /// What jobs that have not ended may come to cost.
    pub reserved: i64,
    /// What finished videos cost.
    pub charged: i64,
}

impl Balance {
    /// What further submits may reserve.
    pub fn available(self) -> i64 {
        self.granted - self.reserved - self.charged
    }
}

/// How the credits of an account stand.
pub async fn balance(pool: &PgPool, account: AccountId) -> Result<Balance, sqlx::Error> {
    sqlx::query_as!(
        Balance,
        r#"
        select metered, coalesce(granted, 0) as "granted!", coalesce(reserved, 0) as "reserved!", coalesce(charged, 0) as "charged!"
        from accounts left join credit_balances on account_id = id where id = $1
        "#,
        account.uuid(),
    )
    .fetch_optional(pool)
    .await
    .map(Option::unwrap_or_default)
}

/// What happened to credits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, sqlx::Type)]
#[serde(rename_all = "snake_case")]
#[sqlx(type_name = "credit_kind", rename_all = "snake_case")]
pub enum Kind {
    /// An operator gave them, or took some back.
    Grant,
    /// A submit reserved them.
    Reservation,
    /// A finished video cost them.
    Charge,
    /// They are free again, since there will be no video.
    Release,
}

/// An entry of the ledger.
#[derive(Debug)]
pub struct Entry {
    /// Names the entry.
    pub id: CreditId,
    /// What happened.
    pub kind: Kind,
    /// To how many credits.
    pub credits: i64,
    /// For which video.
    pub job_id: Option<JobId>,
    /// What the operator said of a grant.
    pub note: Option<String>,
    /// When.
    pub created_at: DateTime<Utc>,
}

/// Entries of an account in the order of their ids, from after `after` on.
pub async fn list(
    pool: &PgPool,
    account: AccountId,
    descending: bool,
    after: Option<CreditId>,
    limit: i64,
) -> Result<Vec<Entry>, sqlx::Error> {
    sqlx::query_as!(
        Entry,
        r#"
        select id as "id: CreditId", kind as "kind: Kind", credits, job_id as "job_id: JobId", note, created_at
        from credit_entries
        where account_id = $1 and ($2::uuid is null or case when $3 then id < $2 else id > $2 end)
        order by case when $3 then id end desc, id limit $4
        "#,
        account.uuid(),
        after.map(CreditId::uuid),
        descending,
        limit,
    )
    .fetch_all(pool)
    .await
}

/// A grant.
#[derive(Debug, Clone, Copy)]
pub struct Grant<'a> {
    /// How many credits; below zero takes them back.
    pub credits: i64,
    /// What to say of it.
    pub note: Option<&'a str>,
    /// The operator's own name for it: a grant of the same name is not made twice.
    pub idempotency_key: Option<&'a str>,
}

/// Grants credits. Says whether this made the grant, or an earlier one of the same name.
pub async fn grant(tx: &mut PgConnection, account: AccountId, grant: Grant<'_>) -> Result<bool, AccountError> {
    let granted = sqlx::query!(
        r#"
        with entry as (
            insert into credit_entries (id, account_id, kind, credits, note, idempotency_key)
            select $1, id, 'grant', $3, $4, $5 from accounts where id = $2 and deleted_at is null
            on conflict (account_id, idempotency_key) where idempotency_key is not null do nothing
            returning account_id, credits
        )
        insert into credit_balances as balance (account_id, granted) select account_id, credits from entry
        on conflict (account_id) do update set granted = balance.granted + excluded.granted
        "#,
        CreditId::new().uuid(),
        account.uuid(),
        grant.credits,
        grant.note,
        grant.idempotency_key,
    );
    let is_new = granted.execute(&mut *tx).await?.rows_affected() == 1;
    let exists = sqlx::query!("select id from accounts where id = $1 and deleted_at is null", account.uuid());
    match (is_new, exists.fetch_optional(tx).await?) {
        (_, None) => Err(AccountError::NotFound),
        (is_new, Some(_)) => Ok(is_new),
    }
}

/// Sets whether submits of an account need credits. It counts from the next submit on.
pub async fn set_metered(tx: &mut PgConnection, account: AccountId, metered: bool) -> Result<(), AccountError> {
    let set =
        sqlx::query!("update accounts set metered = $2 where id = $1 and deleted_at is null", account.uuid(), metered);
    match set.execute(tx).await?.rows_affected() {
        0 => Err(AccountError::NotFound),
        _ => Ok(()),
    }
}

/// Where a reader of meter events has come to.
#[derive(Debug, Clone, Copy)]
pub struct Cursor {
    /// When the last event that it has was written.
    pub created_at: DateTime<Utc>,
    /// Which video it was of.
    pub job_id: Uuid,
}

/// A finished video, as a billing provider counts it. Its id is the same however often it is read.
#[derive(Debug)]
pub struct MeterEvent {
    /// Names the event: the video's own id.
    pub job_id: JobId,
    /// Whose video.
    pub account_id: AccountId,
    /// What the provider calls the account.
    pub billing_reference: Option<String>,
    /// Its tier.
    pub tier: Tier,
    /// Length in seconds.
    pub seconds: i32,
    /// Pixels shown times seconds.
    pub pixel_seconds: i64,
    /// What it cost, if the account is metered.
    pub credits: Option<i64>,
    /// When it was finished.
    pub created_at: DateTime<Utc>,
}

/// Finished videos of all accounts in the order in which they were counted, from after the cursor on. The last minute is left out: a
/// transaction that began in it may not have ended, and what it counts would be passed by.
pub async fn meter_events(pool: &PgPool, after: Option<Cursor>, limit: i64) -> Result<Vec<MeterEvent>, sqlx::Error> {
    sqlx::query_as!(
        MeterEvent,
        r#"
        select job_id as "job_id: JobId", account_id as "account_id: AccountId", billing_reference, tier as "tier: Tier", seconds,
            width::bigint * height * seconds as "pixel_seconds!", credits, usage.created_at
        from usage join accounts on accounts.id = account_id
        where usage.created_at < now() - interval '1 minute'
            and ($1::timestamptz is null or (usage.created_at, job_id) > ($1, $2::uuid))
        order by usage.created_at, job_id limit $3
        "#,
        after.map(|cursor| cursor.created_at),
        after.map(|cursor| cursor.job_id),
        limit,
    )
    .fetch_all(pool)
    .await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_started_credit_counts_and_nothing_is_free() {
        let prices: Prices = "pro=3".parse().expect("a price");
        let size = |width, height| Size { width, height };
        assert_eq!(prices.of(Tier::Pro, size(1000, 1000), 2), 6);
        assert_eq!(prices.of(Tier::Pro, size(1000, 1002), 1), 4);
        assert_eq!(prices.of(Tier::Fast, size(64, 64), 1), 1);
        assert_eq!(prices.of(Tier::Fast, size(1000, 1000), 1), 10, "a price that was not set");
        assert_eq!(prices.of(Tier::Pro, size(8192, 8192), i32::MAX), 432_345_564_027, "no overflow");
    }

    #[test]
    fn prices_are_pairs_of_tier_and_credits() {
        for refused in ["pro", "pro=0", "pro=1.5", "medium=1", "pro=-1"] {
            assert!(refused.parse::<Prices>().is_err(), "{refused}");
        }
    }
}
