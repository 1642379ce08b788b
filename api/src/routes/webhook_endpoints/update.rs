//! `POST` and `PATCH /v1/webhook_endpoints/{id}`: change an endpoint.

use axum::Json;
use axum::extract::{Request, State};
use clipmill_shared::id::{AccountId, EndpointId};
use clipmill_shared::webhooks::endpoint::{self, Change};
use serde::Deserialize;
use utoipa::ToSchema;

use super::view::EndpointView;
use super::{EndpointPath, fields};
use crate::app::App;
use crate::auth::Caller;
use crate::form::Form;
use crate::problem::{ErrorBody, Problem};

/// What to change; what is left out stays.
#[derive(Deserialize, ToSchema)]
#[schema(as = UpdateWebhookEndpointBody)]
#[expect(dead_code, reason = "describes the body for readers; `Form` reads it")]
pub(crate) struct UpdateBody {
    /// What to call it
    #[schema(min_length = 1, max_length = 200)]
    name: Option<String>,
    /// Where it is
    #[schema(max_length = 2048)]
    url: Option<String>,
    /// The events to send to it, all of them anew; `["*"]` for all there are
    event_types: Option<Vec<String>>,
    /// Whether anything is sent to it; true also for one that was disabled by us
    enabled: Option<bool>,
}

/// Changes an endpoint. What was not sent while it was disabled can be replayed.
#[utoipa::path(
    post, path = "/v1/webhook_endpoints/{id}", tag = "webhooks", operation_id = "update_webhook_endpoint",
    params(("id" = String, Path, description = "The endpoint's id")), request_body = UpdateBody,
    responses(
        (status = 200, body = EndpointView, description = "The endpoint as it is now"),
        (status = 400, body = ErrorBody, description = "A field cannot be accepted; `param` names it"),
        (status = 404, body = ErrorBody, description = "The account has no such endpoint"),
        (status = 413, body = ErrorBody, description = "The body is too large"),
        (status = 415, body = ErrorBody, description = "No JSON"),
    )
)]
pub(crate) async fn update(
    State(app): State<App>,
    Caller(account): Caller,
    EndpointPath(id): EndpointPath,
    request: Request,
) -> Result<Json<EndpointView>, Problem> {
    change(&app, account, id, request).await
}

/// Changes an endpoint, as `POST` does.
#[utoipa::path(
    patch, path = "/v1/webhook_endpoints/{id}", tag = "webhooks", operation_id = "patch_webhook_endpoint",
    params(("id" = String, Path, description = "The endpoint's id")), request_body = UpdateBody,
    responses(
        (status = 200, body = EndpointView, description = "The endpoint as it is now"),
        (status = 400, body = ErrorBody, description = "A field cannot be accepted; `param` names it"),
        (status = 404, body = ErrorBody, description = "The account has no such endpoint"),
        (status = 413, body = ErrorBody, description = "The body is too large"),
        (status = 415, body = ErrorBody, description = "No JSON"),
    )
)]
pub(crate) async fn patch(
    State(app): State<App>,
    Caller(account): Caller,
    EndpointPath(id): EndpointPath,
    request: Request,
) -> Result<Json<EndpointView>, Problem> {
    change(&app, account, id, request).await
}

async fn change(
    app: &App,
    account: AccountId,
    id: EndpointId,
    request: Request,
) -> Result<Json<EndpointView>, Problem> {
    let form = Form::read(request, &["name", "url", "event_types", "enabled"]).await?;
    let change = Change {
        name: form.text("name")?.map(fields::name).transpose()?,
        url: form.text("url")?.map(|url| fields::url(app, url)).transpose()?,
        event_types: form.texts("event_types")?.map(fields::event_types).transpose()?,
        enabled: form.boolean("enabled")?,
    };
    let endpoint = endpoint::update(&app.pool, account, id, &change).await?.ok_or_else(Problem::no_endpoint)?;
    Ok(Json(EndpointView::new(&app.vault, endpoint)?))
}
