//! `DELETE /v1/webhook_endpoints/{id}`: an endpoint goes, with its deliveries and their log.

use axum::Json;
use axum::extract::State;
use clipmill_shared::webhooks::endpoint;
use serde::Serialize;
use utoipa::ToSchema;

use super::EndpointPath;
use crate::app::App;
use crate::auth::Caller;
use crate::problem::{ErrorBody, Problem};

/// What is left of a deleted endpoint.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = DeletedWebhookEndpointView)]
pub(crate) struct DeletedView {
    /// The id that the endpoint had
    id: String,
    /// Always `webhook_endpoint.deleted`
    #[schema(example = "webhook_endpoint.deleted")]
    object: &'static str,
    /// Always true
    deleted: bool,
}

/// Deletes an endpoint with all that waits to be sent to it, and its log.
#[utoipa::path(
    delete, path = "/v1/webhook_endpoints/{id}", tag = "webhooks", operation_id = "delete_webhook_endpoint",
    params(("id" = String, Path, description = "The endpoint's id")),
    responses(
        (status = 200, body = DeletedView, description = "It is gone"),
        (status = 404, body = ErrorBody, description = "The account has no such endpoint"),
    )
)]
pub(crate) async fn delete(
    State(app): State<App>,
    Caller(account): Caller,
    EndpointPath(id): EndpointPath,
) -> Result<Json<DeletedView>, Problem> {
    match endpoint::delete(&app.pool, account, id).await? {
        true => Ok(Json(DeletedView { id: id.to_string(), object: "webhook_endpoint.deleted", deleted: true })),
        false => Err(Problem::no_endpoint()),
    }
}
