//! What an account used: videos, their seconds and what they count for, by day, tier and key.

use chrono::{Days, NaiveDate};
use sqlx::PgPool;

use crate::id::{AccountId, KeyId};
use crate::tier::Tier;

/// The longest time that is told of at once, in days.
pub const DAYS_MAX: i64 = 366;
/// The time that is told of if none is asked for.
const DAYS_DEFAULT: u64 = 30;
/// Lines that are told at once.
pub const LINES_MAX: usize = 10_000;

/// Days in UTC, from the first to the last.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Period {
    /// The first day.
    pub from: NaiveDate,
    /// The last day.
    pub to: NaiveDate,
}

/// Which lines are kept apart.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct GroupBy {
    /// Each day by itself.
    pub day: bool,
    /// Each tier by itself.
    pub tier: bool,
    /// Each key by itself.
    pub key: bool,
}

/// What was used. What is not kept apart is none.
#[derive(Debug, Clone)]
pub struct Line {
    /// The day in UTC on which the videos were finished.
    pub day: Option<NaiveDate>,
    /// Their tier.
    pub tier: Option<Tier>,
    /// The key that submitted them; none for those of a time when that was not kept.
    pub key: Option<KeyId>,
    /// How many there were.
    pub jobs: i64,
    /// How long they are together.
    pub seconds: i64,
    /// Millions of pixels shown, times seconds.
    pub billable_units: f64,
}

/// The days from `from` to `to`. Without an end up to today, without a beginning the thirty days before the end.
pub async fn period(pool: &PgPool, from: Option<NaiveDate>, to: Option<NaiveDate>) -> Result<Period, sqlx::Error> {
    let to = match to {
        Some(to) => to,
        None => sqlx::query_scalar!(r#"select (now() at time zone 'UTC')::date as "today!""#).fetch_one(pool).await?,
    };
    let before = to.checked_sub_days(Days::new(DAYS_DEFAULT - 1)).unwrap_or(to);
    Ok(Period { from: from.unwrap_or(before), to })
}

/// What the account used, and whether there is more than [`LINES_MAX`] lines of it.
pub async fn read(
    pool: &PgPool,
    account: AccountId,
    period: Period,
    by: GroupBy,
) -> Result<(Vec<Line>, bool), sqlx::Error> {
    let lines = sqlx::query_as!(
        Line,
        r#"
        select case when $4 then (created_at at time zone 'UTC')::date end as day,
            case when $5 then tier end as "tier: Tier", case when $6 then api_key_id end as "key: KeyId",
            count(*) as "jobs!", sum(seconds) as "seconds!",
            sum(width::float8 * height * seconds) / 1e6 as "billable_units!"
        from usage
        where account_id = $1 and created_at >= $2::date at time zone 'UTC' and created_at < ($3::date + 1) at time zone 'UTC'
        group by 1, 2, 3 order by 1, 2, 3 limit $7
        "#,
        account.uuid(),
        period.from,
        period.to,
        by.day,
        by.tier,
        by.key,
        LINES_MAX as i64 + 1,
    );
    let mut lines = lines.fetch_all(pool).await?;
    let more = lines.len() > LINES_MAX;
    lines.truncate(LINES_MAX);
    Ok((lines, more))
}
