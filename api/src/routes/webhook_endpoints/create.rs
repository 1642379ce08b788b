//! `POST /v1/webhook_endpoints`: a place to be told of events.

use axum::Json;
use axum::extract::{Request, State};
use clipmill_shared::webhooks::endpoint::{self, Wish};
use serde::Deserialize;
use utoipa::ToSchema;

use super::fields;
use super::view::EndpointView;
use crate::app::App;
use crate::auth::Caller;
use crate::form::Form;
use crate::problem::{ErrorBody, Problem};

/// What a new endpoint is.
#[derive(Deserialize, ToSchema)]
#[schema(as = CreateWebhookEndpointBody)]
#[expect(dead_code, reason = "describes the body for readers; `Form` reads it")]
pub(crate) struct CreateBody {
    /// What to call it
    #[schema(min_length = 1, max_length = 200, example = "production")]
    name: String,
    /// Where it is
    #[schema(max_length = 2048, example = "https://example.com/hooks")]
    url: String,
    /// The events to send to it: `video.completed`, `video.failed`, `video.cancelled`, `video.expiring`, `video.expired`,
    /// `webhook_endpoint.disabled`; all if left out or `["*"]`
    #[schema(example = json!(["video.completed", "video.failed"]))]
    event_types: Option<Vec<String>>,
}

/// Makes an endpoint that is told of the account's events from now on. Its secret is shown only now.
#[utoipa::path(
    post, path = "/v1/webhook_endpoints", tag = "webhooks", operation_id = "create_webhook_endpoint",
    request_body = CreateBody,
    responses(
        (status = 200, body = EndpointView, description = "The endpoint with its `signing_secret`"),
        (status = 400, body = ErrorBody, description = "A field cannot be accepted; `param` names it"),
        (status = 409, body = ErrorBody, description = "The account has as many endpoints as it may have"),
        (status = 413, body = ErrorBody, description = "The body is too large"),
        (status = 415, body = ErrorBody, description = "No JSON"),
    )
)]
pub(crate) async fn create(
    State(app): State<App>,
    Caller(account): Caller,
    request: Request,
) -> Result<Json<EndpointView>, Problem> {
    let form = Form::read(request, &["name", "url", "event_types"]).await?;
    let wish = Wish {
        name: fields::name(form.text("name")?.unwrap_or_default())?,
        url: fields::url(&app, form.text("url")?.unwrap_or_default())?,
        event_types: form.texts("event_types")?.map(fields::event_types).transpose()?.flatten(),
    };
    let endpoint = endpoint::create(&app.pool, &app.vault, account, &wish).await?;
    Ok(Json(EndpointView::with_secret(&app.vault, endpoint)?))
}
