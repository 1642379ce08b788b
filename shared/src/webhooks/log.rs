//! The log of deliveries to endpoints: each try, what was sent, and what came back.

use std::collections::HashMap;
use std::time::Duration;

use chrono::{DateTime, Utc};
use serde::Serialize;
use serde_json::Value;
use sqlx::PgPool;

use super::message::{self, Message};
use super::outbox::Tried;
use crate::id::{AccountId, DeliveryId, EndpointId, EventId};

/// Days for which tries are kept, and events that no job keeps.
const LOG_DAYS: i32 = 30;
/// Of each delivery, so many of the latest tries are shown.
const ATTEMPTS_SHOWN: i64 = 10;

/// Why a try had no answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Silence {
    /// The address is not one that we call.
    Refused,
    /// No connection, or one that broke.
    Unreachable,
    /// It took too long.
    TimedOut,
    /// We ended before it did.
    Interrupted,
}

impl Silence {
    /// The word for it.
    pub fn as_str(self) -> &'static str {
        match self {
            Silence::Refused => "address_refused",
            Silence::Unreachable => "connection_failed",
            Silence::TimedOut => "timeout",
            Silence::Interrupted => "interrupted",
        }
    }
}

impl From<reqwest::Error> for Silence {
    fn from(error: reqwest::Error) -> Self {
        if error.is_timeout() { Silence::TimedOut } else { Silence::Unreachable }
    }
}

/// What is kept of one try of a delivery to an endpoint.
#[derive(Debug, Clone)]
pub struct Entry {
    /// Which endpoint.
    pub endpoint: EndpointId,
    /// Why there was no answer, if there was none.
    pub error: Option<Silence>,
    started_at: DateTime<Utc>,
    duration: Duration,
    url: String,
    headers: Value,
    body: String,
    response: Option<String>,
}

impl Entry {
    /// A try that sent `message` to `url` and took `duration` to its answer.
    pub fn new(endpoint: EndpointId, url: &str, message: &Message, duration: Duration) -> Self {
        Self {
            endpoint,
            error: None,
            started_at: message.sent_at,
            duration,
            url: url.to_owned(),
            headers: message
                .headers()
                .into_iter()
                .map(|(name, value)| (name.to_owned(), Value::String(value)))
                .collect(),
            body: message::excerpt(&message.body),
            response: None,
        }
    }

    /// The beginning of what was answered.
    pub fn answered(self, response: String) -> Self {
        Self { response: Some(response), ..self }
    }

    /// Nothing was answered, and why.
    pub fn unanswered(self, error: Silence) -> Self {
        Self { error: Some(error), ..self }
    }
}

/// A row of the log on its way into the database.
#[derive(Debug, Serialize)]
pub(super) struct Line<'a> {
    delivery_id: uuid::Uuid,
    attempt: i32,
    started_at: DateTime<Utc>,
    duration_ms: i32,
    status: Option<u16>,
    error: Option<&'static str>,
    url: &'a str,
    request_headers: &'a Value,
    request_body: &'a str,
    response_body: Option<&'a str>,
}

impl<'a> Line<'a> {
    /// What is kept of a try, if anything is.
    pub(super) fn of(tried: &'a Tried) -> Option<Self> {
        let entry = tried.entry.as_deref()?;
        Some(Self {
            delivery_id: tried.id.uuid(),
            attempt: tried.attempt,
            started_at: entry.started_at,
            duration_ms: i32::try_from(entry.duration.as_millis()).unwrap_or(i32::MAX),
            status: tried.status,
            error: entry.error.map(Silence::as_str),
            url: &entry.url,
            request_headers: &entry.headers,
            request_body: &entry.body,
            response_body: entry.response.as_deref(),
        })
    }
}

/// How a delivery to an endpoint stands, and its latest tries.
#[derive(Debug)]
pub struct Logged {
    /// Names it; the `webhook-id`.
    pub id: DeliveryId,
    /// Of which event.
    pub event_id: EventId,
    /// The event's kind.
    pub kind: String,
    /// When it was wished for.
    pub created_at: DateTime<Utc>,
    /// Whether the endpoint took it.
    pub delivered: bool,
    /// When it is tried next; none when it is settled.
    pub due_at: Option<DateTime<Utc>>,
    /// The latest tries, the last one first.
    pub attempts: Vec<Attempt>,
}

/// One try.
#[derive(Debug)]
pub struct Attempt {
    delivery_id: DeliveryId,
    /// Which try, from 1.
    pub attempt: i32,
    /// When it began.
    pub started_at: DateTime<Utc>,
    /// How long it took to the answer.
    pub duration_ms: i32,
    /// HTTP status of the answer.
    pub status: Option<i32>,
    /// Why there was none.
    pub error: Option<String>,
    /// Where to.
    pub url: String,
    /// What was sent, without the signature.
    pub request_headers: Value,
    /// What was sent.
    pub request_body: String,
    /// What came back.
    pub response_body: Option<String>,
}

/// Up to `limit` deliveries to an endpoint of the account, the newest first, from after `after` on.
pub async fn list(
    pool: &PgPool,
    account: AccountId,
    endpoint: EndpointId,
    after: Option<DeliveryId>,
    limit: i64,
) -> Result<Vec<Logged>, sqlx::Error> {
    let rows = sqlx::query!(
        r#"
        select delivery.id as "id: DeliveryId", event_id as "event_id: EventId", events.kind, delivery.created_at, delivered,
            case when settled_at is null then due_at end as due_at
        from deliveries as delivery
        join events on events.id = event_id
        where delivery.endpoint_id = (select id from webhook_endpoints where account_id = $1 and id = $2)
            and ($3::uuid is null or delivery.id < $3)
        order by delivery.id desc limit $4
        "#,
        account.uuid(),
        endpoint.uuid(),
        after.map(DeliveryId::uuid),
        limit,
    );
    let rows = rows.fetch_all(pool).await?;
    let ids: Vec<_> = rows.iter().map(|row| row.id.uuid()).collect();
    let mut attempts: HashMap<DeliveryId, Vec<Attempt>> = HashMap::new();
    for attempt in latest(pool, &ids).await? {
        attempts.entry(attempt.delivery_id).or_default().push(attempt);
    }
    let logged = rows.into_iter().map(|row| Logged {
        attempts: attempts.remove(&row.id).unwrap_or_default(),
        id: row.id,
        event_id: row.event_id,
        kind: row.kind,
        created_at: row.created_at,
        delivered: row.delivered,
        due_at: row.due_at,
    });
    Ok(logged.collect())
}

async fn latest(pool: &PgPool, deliveries: &[uuid::Uuid]) -> Result<Vec<Attempt>, sqlx::Error> {
    sqlx::query_as!(
        Attempt,
        r#"
        select delivery_id as "delivery_id!: DeliveryId", attempt as "attempt!", started_at as "started_at!", duration_ms as "duration_ms!",
            status, error, url as "url!", request_headers as "request_headers!", request_body as "request_body!", response_body
        from unnest($1::uuid[]) as wanted (id) cross join lateral (
            select * from delivery_attempts where delivery_id = wanted.id order by attempt desc limit $2
        ) as attempt
        order by delivery_id, attempt desc
        "#,
        deliveries,
        ATTEMPTS_SHOWN,
    )
    .fetch_all(pool)
    .await
}

/// Deletes up to `limit` tries that are too old to be kept. Says how many there were.
pub async fn forget(pool: &PgPool, limit: i64) -> Result<u64, sqlx::Error> {
    let forgotten = sqlx::query!(
        r#"
        delete from delivery_attempts
        where (delivery_id, attempt) in (
            select delivery_id, attempt from delivery_attempts where started_at < now() - make_interval(days => $1)
            order by started_at limit $2 for update skip locked
        )
        "#,
        LOG_DAYS,
        limit,
    );
    Ok(forgotten.execute(pool).await?.rows_affected())
}

/// Deletes up to `limit` old events that are about no job; the others go with their jobs. Says how many there were.
pub async fn forget_jobless(pool: &PgPool, limit: i64) -> Result<u64, sqlx::Error> {
    let forgotten = sqlx::query!(
        r#"
        delete from events
        where id in (
            select id from events where job_id is null and created_at < now() - make_interval(days => $1)
            order by created_at limit $2 for update skip locked
        )
        "#,
        LOG_DAYS,
        limit,
    );
    Ok(forgotten.execute(pool).await?.rows_affected())
}
