//! `DELETE /v1/admin/accounts/{id}`: an operator deletes an account, as its owner can.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use clipmill_shared::accounts::audit::Action;
use clipmill_shared::accounts::erasure::{self, Wish};
use clipmill_shared::db;
use clipmill_shared::id::AccountId;

use super::{Named, record};
use crate::app::App;
use crate::auth::Staff;
use crate::problem::{ErrorBody, Problem};
use crate::routes::account::erasures::{self, ErasureView};

/// Deletes an account and all that it has, as its owner can. The token of the answer is for the owner.
#[utoipa::path(
    delete, path = "/v1/admin/accounts/{id}", tag = "admin", operation_id = "admin_delete_account", security(("operator_key" = [])),
    params(("id" = String, Path, description = "The account's id")),
    responses(
        (status = 200, body = ErasureView, description = "It is gone; the receipt, with its token"),
        (status = 202, body = ErasureView, description = "It is going, or waits for a legal hold to end; the receipt so far"),
        (status = 404, body = ErrorBody, description = "There is no such account"),
    )
)]
pub(crate) async fn delete(
    State(app): State<App>,
    staff: Staff,
    Named(account): Named<AccountId>,
) -> Result<(StatusCode, Json<ErasureView>), Problem> {
    let mut tx = db::begin(&app.pool).await?;
    let (erasure, token) = erasure::request_in(&mut tx, account, Wish::Account).await?;
    record(&mut tx, account, &staff, Action::DataDeleted, &["account".to_owned()]).await?;
    tx.commit().await?;
    Ok(erasures::carry_out(&app, erasure, Some(token)).await)
}
