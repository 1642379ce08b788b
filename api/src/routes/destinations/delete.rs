//! `DELETE /v1/destinations/{id}`: a destination goes; what lies in the bucket stays.

use axum::Json;
use axum::extract::State;
use clipmill_shared::destinations;
use serde::Serialize;
use utoipa::ToSchema;

use super::DestinationPath;
use crate::app::App;
use crate::auth::Caller;
use crate::problem::{ErrorBody, Problem};

/// What is left of a deleted destination.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct DeletedDestinationView {
    /// The id that the destination had
    id: String,
    /// Always `destination.deleted`
    #[schema(example = "destination.deleted")]
    object: &'static str,
    /// Always true
    deleted: bool,
}

/// Deletes a destination with its secret. Nothing in the bucket is touched.
#[utoipa::path(
    delete, path = "/v1/destinations/{id}", tag = "destinations", operation_id = "delete_destination",
    params(("id" = String, Path, description = "The destination's id or name")),
    responses(
        (status = 200, body = DeletedDestinationView, description = "It is gone"),
        (status = 404, body = ErrorBody, description = "The account has no such destination"),
        (status = 409, body = ErrorBody, description = "Videos that are not finished go there"),
    )
)]
pub(crate) async fn delete(
    State(app): State<App>,
    Caller(account): Caller,
    path: DestinationPath,
) -> Result<Json<DeletedDestinationView>, Problem> {
    let id = path.find(&app, account).await?.id;
    destinations::delete(&app.pool, account, id).await?;
    Ok(Json(DeletedDestinationView { id: id.to_string(), object: "destination.deleted", deleted: true }))
}
