//! `/v1/webhook_endpoints`: one file a verb, and the endpoint as clients see it.

use std::collections::HashMap;

use axum::extract::{FromRequestParts, Path};
use axum::http::request::Parts;
use clipmill_shared::id::{DeliveryId, EndpointId};

use crate::app::App;
use crate::problem::Problem;

pub(super) mod create;
pub(super) mod delete;
pub(super) mod deliveries;
mod fields;
pub(super) mod get;
pub(super) mod list;
pub(super) mod replay;
pub(super) mod replay_delivery;
pub(super) mod rotate_secret;
pub(super) mod test;
pub(super) mod update;
mod view;

/// The `{id}` of a path. What is no id names no endpoint.
pub(crate) struct EndpointPath(EndpointId);

impl FromRequestParts<App> for EndpointPath {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Problem> {
        segment(parts, app, "id").await.and_then(|id| id.parse().ok()).map(Self).ok_or_else(Problem::no_endpoint)
    }
}

/// The `{delivery_id}` of a path. What is no id names no delivery.
pub(crate) struct DeliveryPath(DeliveryId);

impl FromRequestParts<App> for DeliveryPath {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Problem> {
        let id = segment(parts, app, "delivery_id").await;
        id.and_then(|id| id.parse().ok()).map(Self).ok_or_else(Problem::no_delivery)
    }
}

async fn segment(parts: &mut Parts, app: &App, name: &str) -> Option<String> {
    let Path(mut segments) = Path::<HashMap<String, String>>::from_request_parts(parts, app).await.ok()?;
    segments.remove(name)
}
