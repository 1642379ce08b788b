//! `DELETE /v1/account`: everything of the account goes, and the account with it.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use clipmill_shared::accounts::erasure::{self, Wish};

use super::erasures::{self, ErasureView};
use crate::app::App;
use crate::auth::Caller;
use crate::page::{self, Parameters};
use crate::problem::{ErrorBody, Problem};

/// Deletes the account: its keys are dead at once, its jobs stop, its media, prompts, uploads, endpoints and logs go. What the law
/// requires kept stays, as the receipt says. Under a legal hold the data goes when that ends. The token of the answer shows the
/// receipt at `/v1/receipts/{token}` to whoever has no key any more.
#[utoipa::path(
    delete, path = "/v1/account", tag = "account", operation_id = "delete_account", summary = "Deletes the account and all that it has.",
    params(("confirm" = String, Query, description = "The account's id, to say that it is meant")),
    responses(
        (status = 200, body = ErasureView, description = "It is gone; the receipt, with its token"),
        (status = 202, body = ErasureView, description = "It is going, or waits for a legal hold to end; the receipt so far, with its token"),
        (status = 400, body = ErrorBody, description = "It was not confirmed"),
    )
)]
pub(crate) async fn delete(
    State(app): State<App>,
    Caller(account): Caller,
    parameters: Parameters,
) -> Result<(StatusCode, Json<ErasureView>), Problem> {
    let parameters = page::read(parameters)?;
    if let Some(unknown) = parameters.keys().find(|name| *name != "confirm") {
        return Err(page::unknown(unknown));
    }
    if parameters.get("confirm") != Some(&account.to_string()) {
        return Err(Problem::invalid("confirm", "must be the id of the account that is to be deleted"));
    }
    let (erasure, token) = erasure::request(&app.pool, account, Wish::Account).await?;
    Ok(erasures::carry_out(&app, erasure, Some(token)).await)
}
