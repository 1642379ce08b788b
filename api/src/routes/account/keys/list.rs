//! `GET /v1/account/keys`: the account's keys, dead ones too.

use axum::Json;
use axum::extract::State;
use clipmill_shared::accounts::keys;
use serde::Serialize;
use utoipa::ToSchema;

use super::ApiKeyView;
use crate::app::App;
use crate::auth::Caller;
use crate::problem::Problem;

/// The keys of an account.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ApiKeyListView {
    /// Always `list`
    #[schema(example = "list")]
    object: &'static str,
    /// The keys, oldest first, at most 1000
    data: Vec<ApiKeyView>,
}

/// Lists the account's keys, without what they are.
#[utoipa::path(
    get, path = "/v1/account/keys", tag = "account", operation_id = "list_keys",
    responses((status = 200, body = ApiKeyListView, description = "The keys"))
)]
pub(crate) async fn list(State(app): State<App>, Caller(account): Caller) -> Result<Json<ApiKeyListView>, Problem> {
    app.used.flush(&app.pool).await;
    let keys = keys::list(&app.pool, account).await?;
    Ok(Json(ApiKeyListView { object: "list", data: keys.into_iter().map(|key| ApiKeyView::new(key, None)).collect() }))
}
