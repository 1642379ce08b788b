//! Sending again what an endpoint missed, under the same `webhook-id`, with a retry schedule that begins anew.

use chrono::{DateTime, Utc};
use sqlx::PgPool;

use crate::bell;
use crate::id::{AccountId, DeliveryId, EndpointId};

/// Events that are replayed at once.
pub const REPLAY_MAX: i64 = 1000;

/// Makes a delivery due, whatever came of it before. Says whether the account has such a delivery to this live endpoint.
pub async fn one(
    pool: &PgPool,
    account: AccountId,
    endpoint: EndpointId,
    delivery: DeliveryId,
) -> Result<bool, sqlx::Error> {
    let replayed = sqlx::query_scalar!(
        r#"
        with replayed as (
            update deliveries set due_at = now(), settled_at = null, delivered = false, first_attempt = attempt
            from webhook_endpoints as endpoint
            where deliveries.id = $3 and endpoint_id = endpoint.id
                and endpoint.account_id = $1 and endpoint.id = $2 and disabled_at is null
            returning deliveries.id
        )
        select pg_notify($4, '')::text as "rung" from replayed
        "#,
        account.uuid(),
        endpoint.uuid(),
        delivery.uuid(),
        bell::OUTBOX,
    );
    Ok(replayed.fetch_optional(pool).await?.is_some())
}

/// What was replayed.
#[derive(Debug)]
pub struct Replayed {
    /// How many events.
    pub count: i64,
    /// When the last of them happened.
    pub until: Option<DateTime<Utc>>,
}

/// Makes due the oldest events since a moment that the endpoint takes, up to [`REPLAY_MAX`], whatever came of them before, also
/// those that were never to be sent to it. Nothing if the account has no such live endpoint.
pub async fn since(
    pool: &PgPool,
    account: AccountId,
    endpoint: EndpointId,
    since: DateTime<Utc>,
) -> Result<Replayed, sqlx::Error> {
    let replayed = sqlx::query!(
        r#"
        with missed as (
            select events.id, events.created_at, endpoint.id as endpoint_id, url
            from webhook_endpoints as endpoint join events on events.account_id = endpoint.account_id
            where endpoint.account_id = $1 and endpoint.id = $2 and disabled_at is null
                and events.created_at >= $3 and events.endpoint_id is distinct from endpoint.id
                and kind <> 'video.in_progress'
                and (event_types is null or kind = any(event_types))
            order by events.created_at, events.id limit $4
            for key share
        ),
        -- In the order of those who settle deliveries, so that neither waits for the other for ever.
        held as materialized (
            select deliveries.id from deliveries join missed
                on deliveries.endpoint_id = missed.endpoint_id and deliveries.event_id = missed.id
            order by deliveries.id for no key update of deliveries
        ),
        replayed as (
            insert into deliveries (id, endpoint_id, event_id, url)
            select uuid_v7(), endpoint_id, id, url from missed where (select count(*) from held) >= 0
            on conflict (endpoint_id, event_id) where endpoint_id is not null
            do update set due_at = now(), settled_at = null, delivered = false, first_attempt = deliveries.attempt
            returning id
        )
        select count(*) as "count!", max(created_at) as until, (select pg_notify($5, '') from replayed limit 1)::text as rung
        from missed
        "#,
        account.uuid(),
        endpoint.uuid(),
        since,
        REPLAY_MAX,
        bell::OUTBOX,
    );
    let replayed = replayed.fetch_one(pool).await?;
    Ok(Replayed { count: replayed.count, until: replayed.until })
}
