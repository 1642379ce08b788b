//! The outbox: every wish to tell an endpoint is a row, written in the transaction that made it true.

use std::time::{Duration, Instant};

use chrono::{DateTime, Utc};
use serde_json::Value;
use sqlx::{PgConnection, PgPool};

use crate::bell;
use crate::id::{AccountId, DeliveryId, EventId, JobId};
use crate::secret::WebhookSecret;
use crate::webhooks::event::{self, EventKind};

/// One try to tell one endpoint of one event.
#[derive(Debug)]
pub struct Delivery {
    /// The `webhook-id`: the same over all tries, so that receivers can drop what they know.
    pub id: DeliveryId,
    /// Whom the event belongs to.
    pub account_id: AccountId,
    /// Where to.
    pub url: String,
    /// Which try this is, from 1.
    pub attempt: i32,
    /// Signs the body.
    pub secret: WebhookSecret,
    /// What to send.
    pub body: Value,
    claimed_at: DateTime<Utc>,
    claimed: Instant,
}

impl Delivery {
    /// What time it is by the database's clock: a receiver refuses what a worker with a wrong clock would sign.
    pub fn now(&self) -> DateTime<Utc> {
        self.claimed_at + self.claimed.elapsed()
    }
}

/// Notes that something happened to a job and, if it has a `webhook_url`, the wish to tell. At most once per kind.
pub(crate) async fn record(
    tx: &mut PgConnection,
    account: AccountId,
    job: JobId,
    kind: EventKind,
    webhook_url: Option<&str>,
) -> Result<(), sqlx::Error> {
    let event = EventId::new();
    let inserted = sqlx::query!(
        "insert into events (id, account_id, job_id, kind) values ($1, $2, $3, $4) on conflict (job_id, kind) do nothing",
        event.uuid(),
        account.uuid(),
        job.uuid(),
        kind.as_str(),
    );
    let is_new = inserted.execute(&mut *tx).await?.rows_affected() == 1;
    match webhook_url {
        Some(url) if is_new => enqueue(tx, account, event, url).await,
        _ => Ok(()),
    }
}

async fn enqueue(tx: &mut PgConnection, account: AccountId, event: EventId, url: &str) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "insert into deliveries (id, account_id, event_id, url) values ($1, $2, $3, $4)",
        DeliveryId::new().uuid(),
        account.uuid(),
        event.uuid(),
        url,
    )
    .execute(&mut *tx)
    .await?;
    bell::ring(tx, bell::OUTBOX, "").await
}

/// Takes up to `limit` deliveries that are due and puts each off by `patience`, in which it has to be settled;
/// if its taker dies, it is due again after that.
pub async fn claim(pool: &PgPool, limit: i64, patience: Duration) -> Result<Vec<Delivery>, sqlx::Error> {
    let rows = sqlx::query!(
        r#"
        update deliveries
        set attempt = deliveries.attempt + 1, due_at = now() + make_interval(secs => $2)
        from events, accounts
        where deliveries.id in (
                select id from deliveries
                where settled_at is null and due_at <= now()
                order by due_at limit $1 for update skip locked
            )
            and events.id = deliveries.event_id and accounts.id = deliveries.account_id
        returning deliveries.id as "id: DeliveryId", deliveries.account_id as "account_id: AccountId", deliveries.url,
            deliveries.attempt, accounts.webhook_secret, events.id as "event_id: EventId",
            events.job_id as "job_id: JobId", events.kind, events.created_at as "created_at: DateTime<Utc>",
            now() as "claimed_at!: DateTime<Utc>"
        "#,
        limit,
        patience.as_secs_f64(),
    )
    .fetch_all(pool)
    .await?;
    let claimed = Instant::now();
    let delivery = rows.into_iter().map(|row| Delivery {
        claimed_at: row.claimed_at,
        claimed,
        id: row.id,
        account_id: row.account_id,
        url: row.url,
        attempt: row.attempt,
        secret: WebhookSecret::from_bytes(row.webhook_secret),
        body: event::body(row.event_id, &row.kind, row.job_id, row.created_at),
    });
    Ok(delivery.collect())
}

/// What came of a try.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// The endpoint took it.
    Delivered,
    /// It did not; try again after this time.
    Again(Duration),
    /// It did not, and never will.
    GivenUp,
}

/// What came of one try of one delivery.
#[derive(Debug, Clone, Copy)]
pub struct Tried {
    /// Which delivery.
    pub id: DeliveryId,
    /// Which try.
    pub attempt: i32,
    /// What came of it.
    pub outcome: Outcome,
    /// HTTP status of the answer, if there was one.
    pub status: Option<u16>,
}

/// Writes down what came of some tries. Leaves alone those of which another try has begun meanwhile.
pub async fn settle(connection: &mut PgConnection, tries: &[Tried]) -> Result<(), sqlx::Error> {
    let pause = |tried: &Tried| match tried.outcome {
        Outcome::Again(pause) => Some(pause.as_secs_f64()),
        Outcome::Delivered | Outcome::GivenUp => None,
    };
    let ids: Vec<_> = tries.iter().map(|tried| tried.id.uuid()).collect();
    let attempts: Vec<i32> = tries.iter().map(|tried| tried.attempt).collect();
    let statuses: Vec<Option<i32>> = tries.iter().map(|tried| tried.status.map(i32::from)).collect();
    let delivered: Vec<bool> = tries.iter().map(|tried| tried.outcome == Outcome::Delivered).collect();
    let pauses: Vec<Option<f64>> = tries.iter().map(pause).collect();
    sqlx::query!(
        r#"
        update deliveries
        set last_status = tried.status, delivered = tried.delivered,
            settled_at = case when tried.pause is null then now() end,
            due_at = case when tried.pause is null then due_at else now() + make_interval(secs => tried.pause) end
        from unnest($1::uuid[], $2::int[], $3::int[], $4::bool[], $5::float8[])
            as tried (id, attempt, status, delivered, pause)
        where deliveries.id = tried.id and deliveries.attempt = tried.attempt and settled_at is null
        "#,
        &ids,
        &attempts,
        &statuses as _,
        &delivered,
        &pauses as _,
    )
    .execute(connection)
    .await
    .map(drop)
}

/// Gives back a delivery that was taken and not sent: it is due at once, and the try does not count.
pub async fn release(pool: &PgPool, delivery: &Delivery) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "update deliveries set due_at = now(), attempt = attempt - 1 where id = $1 and attempt = $2 and settled_at is null",
        delivery.id.uuid(),
        delivery.attempt,
    )
    .execute(pool)
    .await
    .map(drop)
}

/// How many deliveries are waiting, for the metrics.
pub async fn backlog(pool: &PgPool) -> Result<i64, sqlx::Error> {
    sqlx::query_scalar!(r#"select count(*) as "count!" from deliveries where settled_at is null"#).fetch_one(pool).await
}
