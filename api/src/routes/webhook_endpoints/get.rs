//! `GET /v1/webhook_endpoints/{id}`: how an endpoint stands.

use axum::Json;
use axum::extract::State;
use clipmill_shared::webhooks::endpoint;

use super::EndpointPath;
use super::view::EndpointView;
use crate::app::App;
use crate::auth::Caller;
use crate::problem::{ErrorBody, Problem};

/// Shows an endpoint, without its secret.
#[utoipa::path(
    get, path = "/v1/webhook_endpoints/{id}", tag = "webhooks", operation_id = "get_webhook_endpoint",
    params(("id" = String, Path, description = "The endpoint's id")),
    responses(
        (status = 200, body = EndpointView, description = "The endpoint"),
        (status = 404, body = ErrorBody, description = "The account has no such endpoint"),
    )
)]
pub(crate) async fn get(
    State(app): State<App>,
    Caller(account): Caller,
    EndpointPath(id): EndpointPath,
) -> Result<Json<EndpointView>, Problem> {
    let endpoint = endpoint::find(&app.pool, account, id).await?.ok_or_else(Problem::no_endpoint)?;
    Ok(Json(EndpointView::new(&app.vault, endpoint)?))
}
