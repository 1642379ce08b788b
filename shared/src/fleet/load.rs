//! How much work waits for how many GPUs, for those who start and stop machines by it.

use sqlx::PgPool;

use crate::tier::Tier;

/// What one job holds a GPU for when nobody has measured it yet, in seconds.
const UNMEASURED_SECONDS: f64 = 60.0;

/// What waits in one tier.
#[derive(Debug, Clone)]
pub struct Load {
    /// The tier.
    pub tier: Tier,
    /// Jobs that could be taken now.
    pub waiting: i64,
    /// Jobs that are being worked on.
    pub running: i64,
    /// GPUs of live workers that serve it and may take jobs.
    pub gpus: i64,
    /// How long those GPUs need for what waits; with none, how long one would need.
    pub queue_seconds: f64,
}

/// The load of each tier.
pub async fn read(pool: &PgPool) -> Result<Vec<Load>, sqlx::Error> {
    sqlx::query_as!(
        Load,
        r#"
        select every.tier as "tier!: Tier", waiting as "waiting!", running as "running!", gpus as "gpus!",
            waiting * coalesce(pace, $1) / greatest(gpus, 1) as "queue_seconds!"
        from unnest(enum_range(null::tier)) as every (tier)
        cross join lateral (
            select count(*) as waiting from jobs
            where jobs.tier = every.tier and status = 'queued' and virtual_start < 'infinity' and run_at <= now()
        ) as queue
        cross join lateral (
            select count(*) as running from jobs where jobs.tier = every.tier and status = 'in_progress'
        ) as work
        cross join lateral (
            select coalesce(sum(gpus), 0) as gpus from workers
            where workers.tier = every.tier and seen_at > now() - interval '30 seconds'
                and not exists (select from drains where drains.name in (workers.name, left(workers.name, -33)))
        ) as fleet
        cross join lateral (
            select avg(gpu_seconds) as pace from (
                select gpu_seconds from workers where workers.tier = every.tier and gpu_seconds is not null
                order by seen_at desc limit 5
            ) as recent
        ) as paces
        order by every.tier
        "#,
        UNMEASURED_SECONDS,
    )
    .fetch_all(pool)
    .await
}
