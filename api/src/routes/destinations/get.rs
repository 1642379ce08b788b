//! `GET /v1/destinations/{id}`: how a destination stands.

use axum::Json;
use axum::extract::State;

use super::DestinationPath;
use super::view::DestinationView;
use crate::app::App;
use crate::auth::Caller;
use crate::problem::{ErrorBody, Problem};

/// Shows a destination, without its secret.
#[utoipa::path(
    get, path = "/v1/destinations/{id}", tag = "destinations", operation_id = "get_destination",
    params(("id" = String, Path, description = "The destination's id or name")),
    responses(
        (status = 200, body = DestinationView, description = "The destination"),
        (status = 404, body = ErrorBody, description = "The account has no such destination"),
    )
)]
pub(crate) async fn get(
    State(app): State<App>,
    Caller(account): Caller,
    path: DestinationPath,
) -> Result<Json<DestinationView>, Problem> {
    Ok(Json(path.find(&app, account).await?.into()))
}
