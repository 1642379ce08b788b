//! `GET /v1/webhooks/secret`: what receivers check signatures with.

use axum::Json;
use axum::extract::State;
use clipmill_shared::accounts;
use serde::Serialize;
use utoipa::ToSchema;

use crate::app::App;
use crate::auth::Caller;
use crate::problem::Problem;

/// The secret that signs the account's webhooks.
#[derive(Serialize, ToSchema)]
pub(crate) struct SecretView {
    /// Always `webhook.secret`
    object: &'static str,
    /// In the form of Standard Webhooks
    #[schema(example = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")]
    secret: String,
}

/// Shows the secret that signs the account's webhooks.
#[utoipa::path(
    get, path = "/v1/webhooks/secret", tag = "webhooks",
    responses((status = 200, body = SecretView))
)]
pub(crate) async fn secret(State(app): State<App>, Caller(account): Caller) -> Result<Json<SecretView>, Problem> {
    let account = accounts::get(&app.pool, &app.vault, account).await?;
    Ok(Json(SecretView { object: "webhook.secret", secret: account.webhook_secret.reveal() }))
}
