//! `GET /v1/webhook_endpoints/{id}/deliveries`: what was sent to an endpoint, and what it said.

use axum::Json;
use axum::extract::State;
use clipmill_shared::id::{DeliveryId, EventId};
use clipmill_shared::webhooks::endpoint;
use clipmill_shared::webhooks::log::{self, Attempt, Logged};
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

use super::EndpointPath;
use crate::app::App;
use crate::auth::Caller;
use crate::page::Page;
use crate::problem::{ErrorBody, Problem};

/// A page of deliveries.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct DeliveryPageView {
    /// Always `list`
    #[schema(example = "list")]
    object: &'static str,
    /// The deliveries
    data: Vec<DeliveryView>,
    /// The first delivery's id
    first_id: Option<String>,
    /// The last delivery's id: give it as `after` for the next page
    last_id: Option<String>,
    /// Whether there are more
    has_more: bool,
}

/// One event on its way to an endpoint.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct DeliveryView {
    /// Names the delivery; the `webhook-id` of all its tries
    #[schema(value_type = String, example = "wh_01934b6c2a7e7c3e9b1f0a2d4c6e8f10")]
    id: DeliveryId,
    /// Always `webhook_endpoint.delivery`
    #[schema(example = "webhook_endpoint.delivery")]
    object: &'static str,
    /// The event
    #[schema(value_type = String, example = "evt_01934b6c2a7e7c3e9b1f0a2d4c6e8f10")]
    event_id: EventId,
    /// The event's kind
    #[schema(example = "video.completed")]
    event_type: String,
    /// `pending`, `delivered` or `failed`
    #[schema(example = "delivered")]
    status: &'static str,
    /// Unix seconds
    created_at: i64,
    /// Unix seconds of the next try while it is pending
    next_attempt_at: Option<i64>,
    /// The latest tries of the last 30 days, at most 10, the last one first
    attempts: Vec<AttemptView>,
}

/// One try.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct AttemptView {
    /// Which try, from 1
    attempt: i32,
    /// Unix seconds at which it began
    started_at: i64,
    /// Milliseconds until the answer, or until there would be none
    duration_ms: i32,
    /// HTTP status of the answer; null if there was none
    status_code: Option<i32>,
    /// Why there was no answer: `address_refused`, `connection_failed`, `timeout` or `interrupted` (by us)
    error: Option<String>,
    /// What was sent
    request: RequestView,
    /// What was answered; null if there was no answer
    response: Option<ResponseView>,
}

/// What was sent.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct RequestView {
    /// Where to
    url: String,
    /// Without the signature
    #[schema(value_type = Object)]
    headers: Value,
    /// Its first 2048 bytes
    body: String,
}

/// What was answered.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ResponseView {
    /// Its first 2048 bytes
    body: String,
}

/// Lists what was sent to an endpoint, the newest first, with the tries of each.
#[utoipa::path(
    get, path = "/v1/webhook_endpoints/{id}/deliveries", tag = "webhooks", operation_id = "list_webhook_endpoint_deliveries",
    params(
        ("id" = String, Path, description = "The endpoint's id"),
        ("limit" = Option<u32>, Query, description = "Deliveries a page, 0 to 100; 20 if left out", minimum = 0, maximum = 100),
        ("order" = Option<String>, Query, description = "`desc`: newest first is the only order"),
        ("after" = Option<String>, Query, description = "Continue after this delivery"),
    ),
    responses(
        (status = 200, body = DeliveryPageView, description = "A page"),
        (status = 400, body = ErrorBody, description = "A parameter cannot be accepted; `param` names it"),
        (status = 404, body = ErrorBody, description = "The account has no such endpoint"),
    )
)]
pub(crate) async fn deliveries(
    State(app): State<App>,
    Caller(account): Caller,
    EndpointPath(id): EndpointPath,
    page: Page<DeliveryId>,
) -> Result<Json<DeliveryPageView>, Problem> {
    if !page.descending {
        return Err(Problem::invalid("order", "must be desc"));
    }
    endpoint::find(&app.pool, account, id).await?.ok_or_else(Problem::no_endpoint)?;
    let mut read = log::list(&app.pool, account, id, page.after, page.reach()).await?;
    let has_more = page.cut(&mut read);
    let (first_id, last_id) = (read.first().map(|one| one.id.to_string()), read.last().map(|one| one.id.to_string()));
    let data = read.into_iter().map(DeliveryView::new).collect();
    Ok(Json(DeliveryPageView { object: "list", data, first_id, last_id, has_more }))
}

impl DeliveryView {
    fn new(logged: Logged) -> Self {
        Self {
            id: logged.id,
            object: "webhook_endpoint.delivery",
            event_id: logged.event_id,
            event_type: logged.kind,
            status: match (logged.due_at, logged.delivered) {
                (Some(_), _) => "pending",
                (None, true) => "delivered",
                (None, false) => "failed",
            },
            created_at: logged.created_at.timestamp(),
            next_attempt_at: logged.due_at.map(|due_at| due_at.timestamp()),
            attempts: logged.attempts.into_iter().map(AttemptView::new).collect(),
        }
    }
}

impl AttemptView {
    fn new(attempt: Attempt) -> Self {
        Self {
            attempt: attempt.attempt,
            started_at: attempt.started_at.timestamp(),
            duration_ms: attempt.duration_ms,
            status_code: attempt.status,
            error: attempt.error,
            request: RequestView { url: attempt.url, headers: attempt.request_headers, body: attempt.request_body },
            response: attempt.response_body.map(|body| ResponseView { body }),
        }
    }
}
