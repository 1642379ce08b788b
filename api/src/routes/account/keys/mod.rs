//! `/v1/account/keys`: one file a verb, and the key as its owner sees it.

use clipmill_shared::accounts::keys::KeyRecord;
use clipmill_shared::id::KeyId;
use clipmill_shared::secret::ApiKey;
use serde::Serialize;
use utoipa::ToSchema;

pub(crate) mod create;
pub(crate) mod delete;
pub(crate) mod list;

/// An API key.
#[derive(Debug, Serialize, ToSchema)]
#[schema(title = "ApiKey")]
pub(crate) struct ApiKeyView {
    /// Names the key; not the key itself
    #[schema(value_type = String, example = "key_01934b6c2a7e7c3e9b1f0a2d4c6e8f10")]
    id: KeyId,
    /// Always `api_key`
    #[schema(example = "api_key")]
    object: &'static str,
    /// What its owner calls it
    name: String,
    /// What it starts with, to tell it from others
    #[schema(example = "cm_0123456789")]
    starts_with: String,
    /// What it may be used for: some of `videos:read`, `videos:write`, `account`
    #[schema(example = json!(["videos:read", "videos:write"]))]
    scopes: Vec<&'static str>,
    /// Unix seconds
    created_at: i64,
    /// Unix seconds at which it ends by itself
    expires_at: Option<i64>,
    /// Unix seconds at which it was last used, to about a minute
    last_used_at: Option<i64>,
    /// Unix seconds since when it is dead
    revoked_at: Option<i64>,
    /// The key itself; shown only when it is new
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "cm_…")]
    key: Option<String>,
}

impl ApiKeyView {
    /// A key, and what it is if that may be shown.
    fn new(record: KeyRecord, key: Option<&ApiKey>) -> Self {
        Self {
            id: record.id,
            object: "api_key",
            name: record.name,
            starts_with: record.lookup,
            scopes: record.scopes.names(),
            created_at: record.created_at.timestamp(),
            expires_at: record.expires_at.map(|at| at.timestamp()),
            last_used_at: record.last_used_at.map(|at| at.timestamp()),
            revoked_at: record.revoked_at.map(|at| at.timestamp()),
            key: key.map(|key| key.reveal().to_owned()),
        }
    }
}
