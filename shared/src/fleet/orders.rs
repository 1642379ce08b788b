//! What operators say to the fleet: which workers and which tiers shall rest. Every claim minds it.

use chrono::{DateTime, Utc};
use sqlx::PgPool;

use crate::tier::Tier;

/// Tiers that rest.
#[derive(Debug, Clone)]
pub struct Pause {
    /// Which tier.
    pub tier: Tier,
    /// Who said so.
    pub by: String,
    /// Since when.
    pub at: DateTime<Utc>,
}

/// Lets a worker take no more jobs; what it has in hand it takes to its end. The name is that of one process, or the configured name
/// of several, also of those that will start. Says whether any is known by it.
pub async fn drain(pool: &PgPool, name: &str, by: &str) -> Result<bool, sqlx::Error> {
    let drained = sqlx::query!(
        r#"
        insert into drains (name, drained_by)
        select $1, $2 where exists (select from worker_processes where $1 in (name, left(name, -33)))
        on conflict (name) do update set name = excluded.name
        "#,
        name,
        by,
    );
    Ok(drained.execute(pool).await?.rows_affected() > 0)
}

/// Lets a worker take jobs again. Says whether it had been told not to.
pub async fn resume(pool: &PgPool, name: &str) -> Result<bool, sqlx::Error> {
    Ok(sqlx::query!("delete from drains where name = $1", name).execute(pool).await?.rows_affected() > 0)
}

/// The names of workers that shall take no job.
pub async fn drained(pool: &PgPool) -> Result<Vec<String>, sqlx::Error> {
    sqlx::query_scalar!("select name from drains order by name limit 1000").fetch_all(pool).await
}

/// Lets no job of a tier be taken. Submits are accepted, and wait.
pub async fn pause(pool: &PgPool, tier: Tier, by: &str) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "insert into paused_tiers (tier, paused_by) values ($1, $2) on conflict (tier) do nothing",
        tier as _,
        by
    )
    .execute(pool)
    .await
    .map(drop)
}

/// Lets jobs of a tier be taken again.
pub async fn unpause(pool: &PgPool, tier: Tier) -> Result<(), sqlx::Error> {
    sqlx::query!("delete from paused_tiers where tier = $1", tier as _).execute(pool).await.map(drop)
}

/// The tiers that rest.
pub async fn paused(pool: &PgPool) -> Result<Vec<Pause>, sqlx::Error> {
    sqlx::query_as!(
        Pause,
        r#"select tier as "tier: Tier", paused_by as by, paused_at as at from paused_tiers order by tier"#
    )
    .fetch_all(pool)
    .await
}

/// Forgets orders to single processes that are gone.
pub async fn forget(pool: &PgPool) -> Result<(), sqlx::Error> {
    sqlx::query!(
        r#"
        delete from drains where drained_at < now() - interval '1 day' and name ~ '-[0-9a-f]{32}$'
            and not exists (select from worker_processes where worker_processes.name = drains.name)
        "#
    )
    .execute(pool)
    .await
    .map(drop)
}
