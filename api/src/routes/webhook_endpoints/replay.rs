//! `POST /v1/webhook_endpoints/{id}/replay`: what an endpoint missed since a moment is sent again.

use axum::Json;
use axum::extract::{Request, State};
use chrono::DateTime;
use clipmill_shared::id::{AccountId, EndpointId};
use clipmill_shared::webhooks::endpoint;
use clipmill_shared::webhooks::replay::{self, REPLAY_MAX};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::EndpointPath;
use crate::app::App;
use crate::auth::Caller;
use crate::form::Form;
use crate::problem::{ErrorBody, Problem};

/// The end of the year 9999.
const SINCE_LAST: i64 = 253_402_300_799;

/// From when on to send again.
#[derive(Deserialize, ToSchema)]
#[expect(dead_code, reason = "describes the body for readers; `Form` reads it")]
pub(crate) struct ReplayBody {
    /// Unix seconds: events from then on are sent
    since: i64,
}

/// What is on its way again.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ReplayView {
    /// Always `webhook_endpoint.replay`
    #[schema(example = "webhook_endpoint.replay")]
    object: &'static str,
    /// The endpoint
    #[schema(value_type = String)]
    webhook_endpoint_id: EndpointId,
    /// How many events are sent, at most 1000
    replayed: i64,
    /// Whether there may be more: replay again with `until` as `since`
    has_more: bool,
    /// Unix seconds of the last event that is sent
    until: Option<i64>,
}

impl ReplayView {
    /// So many events up to a moment.
    pub(super) fn new(endpoint: EndpointId, replayed: i64, until: Option<i64>) -> Self {
        let has_more = replayed >= REPLAY_MAX;
        Self { object: "webhook_endpoint.replay", webhook_endpoint_id: endpoint, replayed, has_more, until }
    }
}

/// Sends again the oldest 1000 events since a moment that the endpoint takes: those that failed, those that arrived, and those that
/// were not sent to it since it was disabled or did not exist. Each keeps its `webhook-id`, by which a receiver drops what it knows.
#[utoipa::path(
    post, path = "/v1/webhook_endpoints/{id}/replay", tag = "webhooks", operation_id = "replay_webhook_endpoint",
    params(("id" = String, Path, description = "The endpoint's id")), request_body = ReplayBody,
    responses(
        (status = 200, body = ReplayView, description = "What is on its way"),
        (status = 400, body = ErrorBody, description = "A field cannot be accepted; `param` names it"),
        (status = 404, body = ErrorBody, description = "The account has no such endpoint"),
        (status = 409, body = ErrorBody, description = "The endpoint is disabled"),
        (status = 413, body = ErrorBody, description = "The body is too large"),
        (status = 415, body = ErrorBody, description = "No JSON"),
    )
)]
pub(crate) async fn replay(
    State(app): State<App>,
    Caller(account): Caller,
    EndpointPath(id): EndpointPath,
    request: Request,
) -> Result<Json<ReplayView>, Problem> {
    let since =
        Form::read(request, &["since"]).await?.integer("since")?.filter(|since| (0..=SINCE_LAST).contains(since));
    let since = since.and_then(|since| DateTime::from_timestamp(since, 0));
    let since = since.ok_or_else(|| Problem::invalid("since", "must be a moment in unix seconds"))?;
    enabled(&app, account, id).await?;
    let replayed = replay::since(&app.pool, account, id, since).await?;
    Ok(Json(ReplayView::new(id, replayed.count, replayed.until.map(|until| until.timestamp()))))
}

/// Nothing is sent to an endpoint that is not there or disabled.
pub(super) async fn enabled(app: &App, account: AccountId, id: EndpointId) -> Result<(), Problem> {
    let endpoint = endpoint::find(&app.pool, account, id).await?.ok_or_else(Problem::no_endpoint)?;
    endpoint.disabled_reason.is_none().then_some(()).ok_or_else(Problem::endpoint_disabled)
}
