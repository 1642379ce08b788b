//! What the tries of deliveries say of their endpoints: one that is gone, or that has only failed for days, is told no more.

use sqlx::PgConnection;
use tracing::info;

use super::event::EventKind;
use super::log::{Entry, Silence};
use super::outbox::{Outcome, Tried};
use crate::id::EndpointId;

/// Days without any success after which an endpoint is disabled.
const FAILING_DAYS: i32 = 5;
/// The status by which an endpoint says that it wants nothing more.
const GONE: u16 = 410;

/// Writes down what some tries say of their endpoints, and lets the other endpoints of an account know when one of them was
/// disabled. Rows are written only where something changes: an endpoint that goes on well costs nothing.
pub(super) async fn note(connection: &mut PgConnection, tries: &[Tried]) -> Result<(), sqlx::Error> {
    let telling: Vec<(&Entry, &Tried)> = tries.iter().filter_map(telling).collect();
    if telling.is_empty() {
        return Ok(());
    }
    let ids: Vec<_> = telling.iter().map(|(entry, _)| entry.endpoint.uuid()).collect();
    let delivered: Vec<bool> = telling.iter().map(|(_, tried)| tried.outcome == Outcome::Delivered).collect();
    let gone: Vec<bool> = telling.iter().map(|(_, tried)| tried.status == Some(GONE)).collect();
    let disabled = sqlx::query!(
        r#"
        with seen as (
            select id, bool_or(delivered) as delivered, bool_or(gone) as gone
            from unnest($1::uuid[], $2::bool[], $3::bool[]) as seen (id, delivered, gone) group by id
        ),
        -- In one order, so that no two statements wait for each other.
        changing as materialized (
            select endpoint.id, delivered, gone,
                gone or not delivered and failing_since <= now() - make_interval(days => $4) as is_over
            from webhook_endpoints as endpoint join seen on seen.id = endpoint.id
            where disabled_at is null and (gone or delivered = (failing_since is not null)
                or failing_since <= now() - make_interval(days => $4))
            order by endpoint.id for no key update of endpoint
        ),
        judged as (
            update webhook_endpoints as endpoint
            set failing_since = case when not delivered or gone then coalesce(failing_since, now()) end,
                disabled_at = case when is_over then now() end,
                disabled_reason = case when gone then 'gone'::endpoint_disabled_reason when is_over then 'failing' end,
                updated_at = case when is_over then now() else updated_at end
            from changing where endpoint.id = changing.id
            returning endpoint.id, account_id, is_over, endpoint.disabled_reason
        ),
        told as (
            insert into events (id, account_id, endpoint_id, kind) select uuid_v7(), account_id, id, $5 from judged where is_over
        )
        select id as "id: EndpointId", disabled_reason::text as "reason!" from judged where is_over
        "#,
        &ids,
        &delivered,
        &gone,
        FAILING_DAYS,
        EventKind::EndpointDisabled.as_str(),
    );
    for row in disabled.fetch_all(connection).await? {
        info!(endpoint.id = %row.id, reason = row.reason, "Disabled a webhook endpoint");
    }
    Ok(())
}

/// A try that was broken off by us says nothing of its endpoint.
fn telling(tried: &Tried) -> Option<(&Entry, &Tried)> {
    let entry = tried.entry.as_deref()?;
    (entry.error != Some(Silence::Interrupted)).then_some((entry, tried))
}
