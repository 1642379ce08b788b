//! `POST /v1/webhook_endpoints/{id}/test`: one made-up event, sent at once.

use std::time::Duration;

use axum::Json;
use axum::extract::{Request, State};
use clipmill_shared::id::{DeliveryId, EndpointId, EventId};
use clipmill_shared::secret::WebhookSecret;
use clipmill_shared::webhooks::endpoint::{self, Endpoint};
use clipmill_shared::webhooks::event::{self, EventKind};
use clipmill_shared::webhooks::log::Silence;
use clipmill_shared::webhooks::message::Message;
use http::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{EndpointPath, fields};
use crate::app::App;
use crate::auth::Caller;
use crate::form::Form;
use crate::problem::{ErrorBody, Problem};

const TIMEOUT: Duration = Duration::from_secs(10);

/// What to send.
#[derive(Deserialize, ToSchema)]
#[expect(dead_code, reason = "describes the body for readers; `Form` reads it")]
pub(crate) struct TestBody {
    /// The kind of event to make up, whether the endpoint takes it or not
    #[schema(example = "video.completed")]
    event_type: String,
}

/// What came of a test.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct TestView {
    /// Always `webhook_endpoint.test`
    #[schema(example = "webhook_endpoint.test")]
    object: &'static str,
    /// The kind of event that was sent
    #[schema(example = "video.completed")]
    event_type: &'static str,
    /// HTTP status of the endpoint's answer; null if there was none
    status_code: Option<u16>,
    /// Whether the endpoint took it, as 2xx says
    success: bool,
    /// Why there was no answer: `address_refused`, `connection_failed` or `timeout`
    error: Option<&'static str>,
    /// The endpoint
    #[schema(value_type = String)]
    webhook_endpoint_id: EndpointId,
}

/// Sends one made-up event to an endpoint, signed like every other, and tells what it answered within 10 seconds. Nothing of it is
/// kept, and nothing follows from it.
#[utoipa::path(
    post, path = "/v1/webhook_endpoints/{id}/test", tag = "webhooks", operation_id = "test_webhook_endpoint",
    params(("id" = String, Path, description = "The endpoint's id")), request_body = TestBody,
    responses(
        (status = 200, body = TestView, description = "What the endpoint answered, if anything"),
        (status = 400, body = ErrorBody, description = "A field cannot be accepted; `param` names it"),
        (status = 404, body = ErrorBody, description = "The account has no such endpoint"),
        (status = 413, body = ErrorBody, description = "The body is too large"),
        (status = 415, body = ErrorBody, description = "No JSON"),
    )
)]
pub(crate) async fn test(
    State(app): State<App>,
    Caller(account): Caller,
    EndpointPath(id): EndpointPath,
    request: Request,
) -> Result<Json<TestView>, Problem> {
    let kind = fields::event_type(Form::read(request, &["event_type"]).await?.text("event_type")?)?;
    let endpoint = endpoint::find(&app.pool, account, id).await?.ok_or_else(Problem::no_endpoint)?;
    let secrets = endpoint.secrets(&app.vault)?;
    let answer = send(&app, &endpoint, &secrets, kind).await;
    Ok(Json(TestView {
        object: "webhook_endpoint.test",
        event_type: kind.as_str(),
        status_code: answer.as_ref().ok().map(StatusCode::as_u16),
        success: answer.as_ref().is_ok_and(StatusCode::is_success),
        error: answer.err().map(Silence::as_str),
        webhook_endpoint_id: id,
    }))
}

async fn send(
    app: &App,
    endpoint: &Endpoint,
    secrets: &[WebhookSecret],
    kind: EventKind,
) -> Result<StatusCode, Silence> {
    let now = endpoint.read_at;
    let body = event::body(EventId::new(), kind.as_str(), Some(kind.sample()), now).to_string();
    let message = Message { id: DeliveryId::new(), sent_at: now, body };
    let signatures = message.signatures(secrets, app.signing.webhook_signing_key.as_ref());
    let request = message.request(&app.outbound, &endpoint.url, signatures).map_err(|_| Silence::Refused)?;
    Ok(request.timeout(TIMEOUT).send().await?.status())
}
