//! Limits of others that all workers keep together: a bucket of one token, filled at the limit's rate by the database's clock, so that
//! what goes out is spread evenly and no minute has more of it than the limit says.

use std::time::Duration;

use sqlx::PgPool;

/// Whether something may go out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Turn {
    /// Now: the token is taken.
    Now,
    /// Not before this time is over, and then only if nobody else was faster.
    In(Duration),
}

/// Takes the token of a bucket that gets `per_minute` of them, if it has one.
pub async fn take(pool: &PgPool, key: &str, per_minute: u32) -> Result<Turn, sqlx::Error> {
    let row = sqlx::query!(
        r#"
        with taken as (
            insert into upstream_buckets as bucket (key, tokens) values ($1, 0)
            on conflict (key) do update
                set tokens = least(1, bucket.tokens + extract(epoch from now() - bucket.refilled_at)::float8 * $2 / 60) - 1,
                    refilled_at = now()
                where bucket.tokens + extract(epoch from now() - bucket.refilled_at)::float8 * $2 / 60 >= 1
            returning key
        )
        select exists (select from taken) as "taken!",
            (
                select (1 - tokens) * 60 / $2 - extract(epoch from now() - refilled_at)::float8
                from upstream_buckets where key = $1
            ) as wait_seconds
        "#,
        key,
        f64::from(per_minute.max(1)),
    );
    let row = row.fetch_one(pool).await?;
    if row.taken {
        return Ok(Turn::Now);
    }
    // Whoever was faster may have written after this statement began to look.
    let whole = 60.0 / f64::from(per_minute.max(1));
    let wait = row.wait_seconds.filter(|wait| *wait > 0.0).unwrap_or(whole).min(whole);
    Ok(Turn::In(Duration::from_secs_f64(wait)))
}

/// Leaves nothing in a bucket: the other side says that it had enough.
pub async fn empty(pool: &PgPool, key: &str) -> Result<(), sqlx::Error> {
    sqlx::query!(
        r#"
        insert into upstream_buckets (key, tokens) values ($1, 0)
        on conflict (key) do update set tokens = 0, refilled_at = now()
        "#,
        key,
    )
    .execute(pool)
    .await
    .map(drop)
}

/// Forgets buckets that nobody used for a day, and that are full by now.
pub async fn forget(pool: &PgPool) -> Result<(), sqlx::Error> {
    sqlx::query!("delete from upstream_buckets where refilled_at < now() - interval '1 day'")
        .execute(pool)
        .await
        .map(drop)
}
