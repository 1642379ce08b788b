//! Accounts whose objects may stay for longer than any clock says: no rule of the bucket may let those go.

use sqlx::PgPool;

/// How many accounts there are of each kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lasting {
    /// Those that keep their history.
    pub with_history: i64,
    /// Those under a legal hold.
    pub held: i64,
    /// Those that have pinned videos, or may pin some.
    pub pinning: i64,
}

impl Lasting {
    /// Whether there are none.
    pub fn is_none(&self) -> bool {
        *self == Self { with_history: 0, held: 0, pinning: 0 }
    }
}

/// Counts them.
pub async fn count(pool: &PgPool) -> Result<Lasting, sqlx::Error> {
    sqlx::query_as!(
        Lasting,
        r#"
        select count(*) filter (where keep_history) as "with_history!", count(*) filter (where hold_until > now()) as "held!",
            count(*) filter (where max_pinned > 0 or exists (select from jobs where account_id = accounts.id and pinned)) as "pinning!"
        from accounts where deleted_at is null or hold_until > now()
        "#
    )
    .fetch_one(pool)
    .await
}
