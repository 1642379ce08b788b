//! `GET /v1/webhooks/keys`: the public keys of the service.

use axum::Json;
use axum::extract::State;
use serde::Serialize;
use utoipa::ToSchema;

use crate::app::App;

/// The keys that sign all webhooks of the service.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct KeysView {
    /// Always `list`
    #[schema(example = "list")]
    object: &'static str,
    /// The keys; none if the service has none, and signs with the secrets of its receivers only
    data: Vec<KeyView>,
}

/// One key.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct KeyView {
    /// Always `webhook.public_key`
    #[schema(example = "webhook.public_key")]
    object: &'static str,
    /// Ed25519, in the form of Standard Webhooks
    #[schema(example = "whpk_11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=")]
    key: String,
}

/// Shows the public keys that the `v1a` signatures of webhooks are checked with. Takes no API key.
#[utoipa::path(
    get, path = "/v1/webhooks/keys", tag = "webhooks", operation_id = "list_webhook_keys", security(()),
    responses((status = 200, body = KeysView))
)]
pub(crate) async fn keys(State(app): State<App>) -> Json<KeysView> {
    let key = app.signing.webhook_signing_key.as_ref();
    let data = key.map(|key| KeyView { object: "webhook.public_key", key: key.public() });
    Json(KeysView { object: "list", data: data.into_iter().collect() })
}
