//! `POST /v1/webhook_endpoints/{id}/deliveries/{delivery_id}/replay`: one delivery is sent again.

use axum::Json;
use axum::extract::State;
use clipmill_shared::webhooks::replay;

use super::replay::{ReplayView, enabled};
use super::{DeliveryPath, EndpointPath};
use crate::app::App;
use crate::auth::Caller;
use crate::problem::{ErrorBody, Problem};

/// Sends one delivery again, under the same `webhook-id`, whatever came of it before; if that fails, its retries begin anew.
#[utoipa::path(
    post, path = "/v1/webhook_endpoints/{id}/deliveries/{delivery_id}/replay", tag = "webhooks",
    operation_id = "replay_webhook_endpoint_delivery",
    params(
        ("id" = String, Path, description = "The endpoint's id"),
        ("delivery_id" = String, Path, description = "The delivery's id"),
    ),
    responses(
        (status = 200, body = ReplayView, description = "It is on its way"),
        (status = 404, body = ErrorBody, description = "The account has no such endpoint, or the endpoint no such delivery"),
        (status = 409, body = ErrorBody, description = "The endpoint is disabled"),
    )
)]
pub(crate) async fn replay_delivery(
    State(app): State<App>,
    Caller(account): Caller,
    EndpointPath(id): EndpointPath,
    DeliveryPath(delivery): DeliveryPath,
) -> Result<Json<ReplayView>, Problem> {
    enabled(&app, account, id).await?;
    match replay::one(&app.pool, account, id, delivery).await? {
        true => Ok(Json(ReplayView::new(id, 1, None))),
        false => Err(Problem::no_delivery()),
    }
}
