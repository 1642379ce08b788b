//! The outbox: every wish to tell an endpoint is a row, written in the transaction that made it true.

use std::time::{Duration, Instant};

use chrono::{DateTime, Utc};
use serde_json::Value;
use sqlx::types::Json;
use sqlx::{PgConnection, PgPool};

use super::event::{self, EventKind, Subject};
use super::health;
use super::log::{Entry, Line};
use super::message::Message;
use super::minimax::{self, Told};
use crate::bell;
use crate::id::{AccountId, DeliveryId, EndpointId, EventId, JobId};
use crate::jobs::{self, WebhookFormat};
use crate::secret::WebhookSecret;
use crate::vault::{Place, Sealed, Vault, VaultError};

/// One try to tell one endpoint of one event.
#[derive(Debug)]
pub struct Delivery {
    /// The `webhook-id`: the same over all tries, so that receivers can drop what they know.
    pub id: DeliveryId,
    /// Whom the event belongs to.
    pub account_id: AccountId,
    /// The account's endpoint that is told; none for the `webhook_url` of a single job.
    pub endpoint_id: Option<EndpointId>,
    /// Where to.
    pub url: String,
    /// Which try this is, from 1.
    pub attempt: i32,
    /// Which try this is since the schedule of retries began.
    pub round: i32,
    /// What to send.
    pub body: Value,
    secrets: Vec<Sealed>,
    happened_at: DateTime<Utc>,
    claimed_at: DateTime<Utc>,
    claimed: Instant,
}

impl Delivery {
    /// What to send now, by the database's clock: a receiver refuses what a worker with a wrong clock would sign.
    pub fn message(&self) -> Message {
        Message { id: self.id, sent_at: self.claimed_at + self.claimed.elapsed(), body: self.body.to_string() }
    }

    /// What signs the body, the newest secret first.
    pub fn secrets(&self, vault: &Vault) -> Result<Vec<WebhookSecret>, VaultError> {
        let (place, owner) = match self.endpoint_id {
            Some(endpoint) => (Place::Endpoint, endpoint.uuid()),
            None => (Place::Account, self.account_id.uuid()),
        };
        self.secrets.iter().map(|sealed| vault.open_webhook(place, owner, sealed)).collect()
    }

    /// How long ago the event was when this try began.
    pub fn age(&self) -> Duration {
        (self.claimed_at - self.happened_at).to_std().unwrap_or_default()
    }
}

/// Notes that something happened to a job and, if it has a `webhook_url`, the wish to tell. At most once per kind. The wishes
/// to tell the account's endpoints are written by the table itself: see the function `tell_endpoints`.
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

/// The media of a job will not go when it was said: whoever was not told so yet is not told any more, and may be told of another
/// date. What the log of endpoints has of the notice goes with it.
pub(crate) async fn take_back_expiring(tx: &mut PgConnection, job: JobId) -> Result<(), sqlx::Error> {
    let kind = EventKind::Expiring.as_str();
    sqlx::query!("delete from events where job_id = $1 and kind = $2", job.uuid(), kind).execute(tx).await.map(drop)
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
/// if its taker dies, it is due again after that. Those to disabled endpoints are settled in passing.
pub async fn claim(pool: &PgPool, limit: i64, patience: Duration) -> Result<Vec<Delivery>, sqlx::Error> {
    loop {
        let due = take(pool, limit, patience).await?;
        let is_idle = due.is_empty();
        let live: Vec<Delivery> = due.into_iter().flatten().collect();
        if is_idle || !live.is_empty() {
            return Ok(live);
        }
    }
}

/// Takes deliveries that are due; none stands for one that was settled since its endpoint is disabled.
async fn take(pool: &PgPool, limit: i64, patience: Duration) -> Result<Vec<Option<Delivery>>, sqlx::Error> {
    let rows = sqlx::query!(
        r#"
        with due as materialized (
            select id, account_id, endpoint_id from deliveries
            where settled_at is null and due_at <= now()
            order by due_at limit $1 for update skip locked
        )
        update deliveries
        set attempt = deliveries.attempt + case when disabled_at is null then 1 else 0 end,
            due_at = now() + make_interval(secs => $2), settled_at = case when disabled_at is not null then now() end
        from due left join webhook_endpoints as endpoint on endpoint.id = due.endpoint_id, accounts,
            events left join jobs on jobs.id = events.job_id
        -- By their ids, however many the planner takes the limit to be.
        where deliveries.id = any(array(select id from due)) and deliveries.id = due.id
            and events.id = deliveries.event_id and accounts.id = coalesce(due.account_id, endpoint.account_id)
        returning deliveries.id as "id: DeliveryId", accounts.id as "account_id: AccountId",
            deliveries.endpoint_id as "endpoint_id: EndpointId", coalesce(endpoint.url, deliveries.url) as "url!",
            deliveries.attempt, deliveries.attempt - first_attempt as "round!", settled_at is null as "is_live!",
            coalesce(endpoint.secret, accounts.webhook_secret) as "secret!: Sealed",
            case when previous_until > now() then previous_secret end as "previous_secret: Sealed",
            events.id as "event_id: EventId", events.job_id as "job_id: JobId", events.endpoint_id as "about: EndpointId",
            events.kind, webhook_format as "webhook_format?: WebhookFormat", jobs.number as "number?", jobs.width as "width?",
            jobs.height as "height?", jobs.delivery as "delivery?: Json<jobs::Delivery>", jobs.delivered_at as "delivered_at?", jobs.error_code, jobs.error_message, events.created_at as "created_at: DateTime<Utc>", now() as "claimed_at!: DateTime<Utc>"
        "#,
        limit,
        patience.as_secs_f64(),
    )
    .fetch_all(pool)
    .await?;
    let claimed = Instant::now();
    let delivery = rows.into_iter().map(|row| {
        row.is_live.then(|| Delivery {
            claimed_at: row.claimed_at,
            claimed,
            id: row.id,
            account_id: row.account_id,
            endpoint_id: row.endpoint_id,
            url: row.url,
            attempt: row.attempt,
            round: row.round,
            happened_at: row.created_at,
            secrets: [Some(row.secret), row.previous_secret].into_iter().flatten().collect(),
            body: match (row.endpoint_id, row.webhook_format, row.kind.parse()) {
                (None, Some(WebhookFormat::Minimax), Ok(kind)) => minimax::body(
                    kind,
                    &Told {
                        number: row.number.unwrap_or_default(),
                        width: row.width.unwrap_or_default(),
                        height: row.height.unwrap_or_default(),
                        error_code: row.error_code,
                        error_message: row.error_message,
                    },
                ),
                _ => {
                    let body = event::body(row.event_id, &row.kind, Subject::of(row.job_id, row.about), row.created_at);
                    match row.delivery.zip(row.delivered_at) {
                        Some((to, at)) if row.kind == EventKind::Completed.as_str() => event::delivered(body, &to, at),
                        _ => body,
                    }
                }
            },
        })
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
#[derive(Debug, Clone)]
pub struct Tried {
    /// Which delivery.
    pub id: DeliveryId,
    /// Which try.
    pub attempt: i32,
    /// What came of it.
    pub outcome: Outcome,
    /// HTTP status of the answer, if there was one.
    pub status: Option<u16>,
    /// What to keep of it, if it was to an endpoint of the account.
    pub entry: Option<Box<Entry>>,
}

/// Writes down what came of some tries, and what that says of their endpoints. Leaves alone those of which another try has begun
/// meanwhile.
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
    let lines: Vec<_> = tries.iter().filter_map(Line::of).collect();
    sqlx::query!(
        r#"
        with tried as (
            select * from unnest($1::uuid[], $2::int[], $3::int[], $4::bool[], $5::float8[])
                as tried (id, attempt, status, delivered, pause)
        ),
        -- In one order, so that no two statements wait for each other.
        held as materialized (
            select deliveries.id from deliveries join tried on tried.id = deliveries.id and tried.attempt = deliveries.attempt
            where settled_at is null order by deliveries.id for no key update of deliveries
        ),
        settled as (
            update deliveries
            set last_status = tried.status, delivered = tried.delivered,
                settled_at = case when tried.pause is null then now() end,
                due_at = case when tried.pause is null then due_at else now() + make_interval(secs => tried.pause) end
            from tried join held on held.id = tried.id
            where deliveries.id = tried.id
            returning deliveries.id
        )
        insert into delivery_attempts (delivery_id, attempt, started_at, duration_ms, status, error, url,
            request_headers, request_body, response_body)
        select line.* from jsonb_to_recordset($6) as line (delivery_id uuid, attempt int, started_at timestamptz,
            duration_ms int, status int, error text, url text, request_headers jsonb, request_body text, response_body text)
        -- What was deleted meanwhile has no log.
        join settled on settled.id = delivery_id
        on conflict (delivery_id, attempt) do nothing
        "#,
        &ids,
        &attempts,
        &statuses as _,
        &delivered,
        &pauses as _,
        serde_json::to_value(lines).unwrap_or_default(),
    )
    .execute(&mut *connection)
    .await?;
    health::note(connection, tries).await
}

/// Gives back a delivery that was taken and not sent: it is due after `pause`, and the try does not count.
pub async fn release(pool: &PgPool, delivery: &Delivery, pause: Duration) -> Result<(), sqlx::Error> {
    sqlx::query!(
        r#"
        update deliveries set due_at = now() + make_interval(secs => $3), attempt = attempt - 1
        where id = $1 and attempt = $2 and settled_at is null
        "#,
        delivery.id.uuid(),
        delivery.attempt,
        pause.as_secs_f64(),
    )
    .execute(pool)
    .await
    .map(drop)
}

/// How many deliveries are waiting, for the metrics.
pub async fn backlog(pool: &PgPool) -> Result<i64, sqlx::Error> {
    sqlx::query_scalar!(r#"select count(*) as "count!" from deliveries where settled_at is null"#).fetch_one(pool).await
}
