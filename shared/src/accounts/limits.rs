//! What an account may have in the queue, and its share of the GPUs.

use sqlx::PgPool;

use super::AccountError;
use crate::id::AccountId;
use crate::tier::Tier;

/// The limits of an account; none means that there is no limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// How many of its jobs may be worked on at the same time.
    pub max_running: Option<i32>,
    /// How many of its jobs may wait.
    pub max_queued: Option<i32>,
}

/// The limits of this account.
pub async fn get(pool: &PgPool, account: AccountId) -> Result<Limits, AccountError> {
    let limits = sqlx::query_as!(Limits, "select max_running, max_queued from accounts where id = $1", account.uuid());
    limits.fetch_optional(pool).await?.ok_or(AccountError::NotFound)
}

/// Sets the limits of this account.
pub async fn set(pool: &PgPool, account: AccountId, limits: Limits) -> Result<(), AccountError> {
    let set = sqlx::query!(
        "update accounts set max_running = $2, max_queued = $3 where id = $1",
        account.uuid(),
        limits.max_running,
        limits.max_queued,
    );
    match set.execute(pool).await?.rows_affected() {
        0 => Err(AccountError::NotFound),
        _ => Ok(()),
    }
}

/// Sets how much of a tier this account gets beside others: twice the weight is twice the videos while both have jobs
/// waiting. It counts from the next submit on.
pub async fn weigh(pool: &PgPool, account: AccountId, tier: Tier, weight: f64) -> Result<(), AccountError> {
    let weighed = sqlx::query!(
        r#"
        insert into shares (account_id, tier, weight) select id, $2, $3 from accounts where id = $1
        on conflict (account_id, tier) do update set weight = excluded.weight
        "#,
        account.uuid(),
        tier as _,
        weight,
    );
    match weighed.execute(pool).await?.rows_affected() {
        0 => Err(AccountError::NotFound),
        _ => Ok(()),
    }
}

/// The weight of an account in each tier; 1 unless it was set.
pub async fn weights(pool: &PgPool, account: AccountId) -> Result<Vec<(Tier, f64)>, AccountError> {
    let weights = sqlx::query!(
        r#"
        select every.tier as "tier!: Tier", coalesce(weight, 1) as "weight!"
        from unnest(enum_range(null::tier)) as every (tier)
        left join shares on shares.account_id = $1 and shares.tier = every.tier
        "#,
        account.uuid(),
    );
    Ok(weights.fetch_all(pool).await?.into_iter().map(|row| (row.tier, row.weight)).collect())
}
