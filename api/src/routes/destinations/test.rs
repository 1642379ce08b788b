//! `POST /v1/destinations/{id}/test`: one small object, put and removed.

use axum::Json;
use axum::extract::State;
use clipmill_shared::id::DestinationId;
use serde::Serialize;
use utoipa::ToSchema;

use super::DestinationPath;
use crate::app::App;
use crate::auth::Caller;
use crate::problem::{ErrorBody, Problem};

/// What came of a test.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct DestinationTestView {
    /// Always `destination.test`
    #[schema(example = "destination.test")]
    object: &'static str,
    /// The destination
    #[schema(value_type = String)]
    destination_id: DestinationId,
    /// Whether an object could be put there
    success: bool,
    /// Whether it could be removed again, which no video needs; if not, it lies there as `clipmill-test-…`
    removed: bool,
    /// Why not: `address_refused`, `role_refused`, `store_refused` or `store_unreachable`
    error: Option<&'static str>,
    /// The same for people, with the store's own word
    #[schema(example = "it answered with HTTP status 403 AccessDenied")]
    message: Option<String>,
}

/// Puts a small object into the bucket and removes it, and tells within 20 seconds what came of that.
#[utoipa::path(
    post, path = "/v1/destinations/{id}/test", tag = "destinations", operation_id = "test_destination",
    params(("id" = String, Path, description = "The destination's id or name")),
    responses(
        (status = 200, body = DestinationTestView, description = "What came of it"),
        (status = 404, body = ErrorBody, description = "The account has no such destination"),
    )
)]
pub(crate) async fn test(
    State(app): State<App>,
    Caller(account): Caller,
    path: DestinationPath,
) -> Result<Json<DestinationTestView>, Problem> {
    let destination = path.find(&app, account).await?;
    let tested = app.courier.test(&destination.target(&app.vault)?, &destination.prefix).await;
    Ok(Json(DestinationTestView {
        object: "destination.test",
        destination_id: destination.id,
        success: tested.is_ok(),
        removed: tested == Ok(true),
        error: tested.as_ref().err().map(|trouble| trouble.as_str()),
        message: tested.err().map(|trouble| trouble.to_string()),
    }))
}
