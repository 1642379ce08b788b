//! A destination as clients see it.

use clipmill_shared::destinations::{Destination, external_id};
use clipmill_shared::id::DestinationId;
use serde::Serialize;
use utoipa::ToSchema;

/// A bucket of the account's own, where finished files go that name it.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct DestinationView {
    /// Names the destination
    #[schema(value_type = String, example = "dest_01934b6c2a7e7c3e9b1f0a2d4c6e8f10")]
    id: DestinationId,
    /// Always `destination`
    #[schema(example = "destination")]
    object: &'static str,
    /// What its owner calls it: give it as `output.destination`
    #[schema(example = "studio")]
    name: String,
    /// The bucket
    #[schema(example = "studio-videos")]
    bucket: String,
    /// Where the bucket is
    #[schema(example = "eu-central-1")]
    region: String,
    /// The S3 server's address; null means AWS itself
    endpoint: Option<String>,
    /// What all keys start with; then come the video's id, a slash and the file's name
    #[schema(example = "clipmill/")]
    prefix: String,
    /// Whether the bucket is named in the path instead of the host
    path_style: bool,
    /// The public part of the pair of keys that writes there; the secret is never shown
    access_key_id: Option<String>,
    /// The role that writes there, where there are no keys
    role_arn: Option<String>,
    /// What the role's trust policy has to ask for as `sts:ExternalId`, so that nobody else can have us take it on; null with keys
    #[schema(example = "acct_01934b6c2a7e7c3e9b1f0a2d4c6e8f10")]
    external_id: Option<String>,
    /// Unix seconds
    created_at: i64,
    /// Unix seconds of the last change
    updated_at: i64,
}

impl From<Destination> for DestinationView {
    /// A destination, without its secret.
    fn from(destination: Destination) -> Self {
        Self {
            id: destination.id,
            object: "destination",
            name: destination.name,
            bucket: destination.bucket,
            region: destination.region,
            endpoint: destination.endpoint,
            prefix: destination.prefix,
            path_style: destination.path_style,
            access_key_id: destination.access_key_id,
            external_id: destination.role_arn.is_some().then(|| external_id(destination.account_id)),
            role_arn: destination.role_arn,
            created_at: destination.created_at.timestamp(),
            updated_at: destination.updated_at.timestamp(),
        }
    }
}
