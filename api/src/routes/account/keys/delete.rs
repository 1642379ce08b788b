//! `DELETE /v1/account/keys/{id}`: a key ends.

use axum::Json;
use axum::extract::State;
use clipmill_shared::accounts::{AccountError, keys};
use clipmill_shared::id::KeyId;
use serde::Serialize;
use utoipa::ToSchema;

use crate::app::App;
use crate::auth::Caller;
use crate::problem::{ErrorBody, Problem};
use crate::routes::account::Named;

/// What is left of a key.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct RevokedView {
    /// The key's id
    id: String,
    /// Always `api_key.deleted`
    #[schema(example = "api_key.deleted")]
    object: &'static str,
    /// Always true
    deleted: bool,
}

/// Ends a key at once. Ending it again changes nothing.
#[utoipa::path(
    delete, path = "/v1/account/keys/{id}", tag = "account", operation_id = "delete_key",
    params(("id" = String, Path, description = "The key's id")),
    responses(
        (status = 200, body = RevokedView, description = "It is dead"),
        (status = 404, body = ErrorBody, description = "The account has no such key"),
    )
)]
pub(crate) async fn delete(
    State(app): State<App>,
    Caller(account): Caller,
    Named(id): Named<KeyId>,
) -> Result<Json<RevokedView>, Problem> {
    keys::revoke(&app.pool, account, id).await.map_err(|error| match error {
        AccountError::NotFound => Problem::no_key(),
        error => error.into(),
    })?;
    Ok(Json(RevokedView { id: id.to_string(), object: "api_key.deleted", deleted: true }))
}
