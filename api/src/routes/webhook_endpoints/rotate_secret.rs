//! `POST /v1/webhook_endpoints/{id}/rotate_secret`: a new secret, with or without an overlap.

use axum::Json;
use axum::extract::{Request, State};
use clipmill_shared::webhooks::endpoint;
use serde::Deserialize;
use utoipa::ToSchema;

use super::EndpointPath;
use super::view::EndpointView;
use crate::app::App;
use crate::auth::Caller;
use crate::form::Form;
use crate::problem::{ErrorBody, Problem};

/// What becomes of the old secret.
#[derive(Deserialize, ToSchema)]
#[expect(dead_code, reason = "describes the body for readers; `Form` reads it")]
pub(crate) struct RotateSecretBody {
    /// Whether messages are signed with the old secret too for another 24 hours; false if left out
    keep_old_secret_active_for_24_hours: Option<bool>,
}

/// Gives an endpoint a new secret, which is shown only now.
#[utoipa::path(
    post, path = "/v1/webhook_endpoints/{id}/rotate_secret", tag = "webhooks", operation_id = "rotate_webhook_endpoint_secret",
    params(("id" = String, Path, description = "The endpoint's id")),
    request_body = Option<RotateSecretBody>,
    responses(
        (status = 200, body = EndpointView, description = "The endpoint with its new `signing_secret`"),
        (status = 400, body = ErrorBody, description = "A field cannot be accepted; `param` names it"),
        (status = 404, body = ErrorBody, description = "The account has no such endpoint"),
        (status = 413, body = ErrorBody, description = "The body is too large"),
        (status = 415, body = ErrorBody, description = "No JSON"),
    )
)]
pub(crate) async fn rotate_secret(
    State(app): State<App>,
    Caller(account): Caller,
    EndpointPath(id): EndpointPath,
    request: Request,
) -> Result<Json<EndpointView>, Problem> {
    const KEEP_OLD: &str = "keep_old_secret_active_for_24_hours";
    let form = Form::read_if_any(request, &[KEEP_OLD]).await?;
    let keep_old = form.boolean(KEEP_OLD)?.unwrap_or(false);
    let endpoint = endpoint::rotate(&app.pool, &app.vault, account, id, keep_old).await?;
    Ok(Json(EndpointView::with_secret(&app.vault, endpoint.ok_or_else(Problem::no_endpoint)?)?))
}
