//! An endpoint as clients see it: OpenAI's object and ours beyond it.

use clipmill_shared::id::EndpointId;
use clipmill_shared::vault::{Vault, VaultError};
use clipmill_shared::webhooks::endpoint::{DisabledReason, Endpoint};
use serde::Serialize;
use utoipa::ToSchema;

use super::fields;

/// A webhook endpoint.
#[derive(Serialize, ToSchema)]
pub(crate) struct EndpointView {
    /// Names the endpoint
    #[schema(value_type = String, example = "we_01934b6c2a7e7c3e9b1f0a2d4c6e8f10")]
    id: EndpointId,
    /// Always `webhook_endpoint`
    #[schema(example = "webhook_endpoint")]
    object: &'static str,
    /// Unix seconds
    created_at: i64,
    /// The events that are sent to it; `*` alone stands for all, also those that are yet to come
    #[schema(example = json!(["video.completed", "video.failed"]))]
    event_types: Vec<String>,
    /// What its owner calls it
    name: String,
    /// Where it is
    url: String,
    /// What its messages are checked with, in the form of Standard Webhooks; shown only when it is new
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")]
    signing_secret: Option<String>,
    /// The end of the secret, to tell it from others
    #[schema(example = "whsec_…aSw=")]
    signing_secret_hint: String,
    /// Unix seconds of the last change
    updated_at: i64,
    /// `enabled` or `disabled`
    #[schema(example = "enabled")]
    status: &'static str,
    /// Why nothing is sent to it: `gone` (it answered 410), `failing` (five days without a success) or `requested`
    disabled_reason: Option<&'static str>,
}

impl EndpointView {
    /// An endpoint, without its secret.
    pub(super) fn new(vault: &Vault, endpoint: Endpoint) -> Result<Self, VaultError> {
        let signing_secret_hint = endpoint.secret(vault)?.hint();
        Ok(Self {
            id: endpoint.id,
            object: "webhook_endpoint",
            created_at: endpoint.created_at.timestamp(),
            event_types: endpoint.event_types.unwrap_or_else(|| vec![fields::ALL.to_owned()]),
            name: endpoint.name,
            url: endpoint.url,
            signing_secret: None,
            signing_secret_hint,
            updated_at: endpoint.updated_at.timestamp(),
            status: if endpoint.disabled_reason.is_none() { "enabled" } else { "disabled" },
            disabled_reason: endpoint.disabled_reason.map(DisabledReason::as_str),
        })
    }

    /// An endpoint whose secret is new.
    pub(super) fn with_secret(vault: &Vault, endpoint: Endpoint) -> Result<Self, VaultError> {
        let signing_secret = Some(endpoint.secret(vault)?.reveal());
        Ok(Self { signing_secret, ..Self::new(vault, endpoint)? })
    }
}
