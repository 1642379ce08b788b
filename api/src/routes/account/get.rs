//! `GET /v1/account`: what is known of the account itself.

use axum::Json;
use axum::extract::State;
use clipmill_shared::accounts::{consent, profile};
use clipmill_shared::id::AccountId;

use super::view::AccountView;
use crate::app::App;
use crate::auth::Caller;
use crate::problem::Problem;

/// Shows the account.
#[utoipa::path(
    get, path = "/v1/account", tag = "account", operation_id = "get_account",
    responses((status = 200, body = AccountView, description = "The account"))
)]
pub(crate) async fn get(State(app): State<App>, Caller(account): Caller) -> Result<Json<AccountView>, Problem> {
    view(&app, account).await.map(Json)
}

/// The account as it is now.
pub(super) async fn view(app: &App, account: AccountId) -> Result<AccountView, Problem> {
    let profile = profile::find(&app.pool, account).await?.ok_or_else(Problem::unauthenticated)?;
    Ok(AccountView::new(profile, consent::latest(&app.pool, account).await?))
}
