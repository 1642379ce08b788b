//! `POST /v1/destinations`: a bucket of the account's own.

use axum::Json;
use axum::extract::{Request, State};
use clipmill_shared::destinations::{self, Wish};
use serde::Deserialize;
use utoipa::ToSchema;

use super::fields;
use super::view::DestinationView;
use crate::app::App;
use crate::auth::Caller;
use crate::form::Form;
use crate::problem::{ErrorBody, Problem};

/// What a new destination is. Who writes there is a pair of keys, or a role.
#[derive(Deserialize, ToSchema)]
#[schema(as = CreateDestinationBody)]
#[expect(dead_code, reason = "describes the body for readers; `Form` reads it")]
pub(crate) struct CreateBody {
    /// What to call it: lower-case letters, digits, and `-` `_` `.` between them
    #[schema(min_length = 1, max_length = 64, example = "studio")]
    name: String,
    /// The bucket
    #[schema(min_length = 3, max_length = 63, example = "studio-videos")]
    bucket: String,
    /// Where the bucket is; `us-east-1` if left out
    #[schema(example = "eu-central-1")]
    region: Option<String>,
    /// The address of an S3 server that is not AWS, over https
    #[schema(max_length = 2048)]
    endpoint: Option<String>,
    /// What all keys start with; empty if left out
    #[schema(max_length = 512, example = "clipmill/")]
    prefix: Option<String>,
    /// Whether the bucket is named in the path instead of the host, as servers that are not AWS often need; false if left out
    path_style: Option<bool>,
    /// The public part of a pair of keys that may put objects there
    #[schema(max_length = 256)]
    access_key_id: Option<String>,
    /// The secret part; it is sealed and never shown again
    #[schema(max_length = 256)]
    secret_access_key: Option<String>,
    /// In place of keys: a role that may put objects there and trusts this service's AWS identity, under the `external_id` that the
    /// answer shows
    #[schema(max_length = 2048, example = "arn:aws:iam::123456789012:role/videos")]
    role_arn: Option<String>,
}

/// Makes a destination. Finished files go there of videos that name it as `output.destination`. Nothing is tried yet.
#[utoipa::path(
    post, path = "/v1/destinations", tag = "destinations", operation_id = "create_destination", request_body = CreateBody,
    responses(
        (status = 200, body = DestinationView, description = "The destination"),
        (status = 400, body = ErrorBody, description = "A field cannot be accepted; `param` names it"),
        (status = 409, body = ErrorBody, description = "The account has one of this name, or as many as it may have"),
        (status = 413, body = ErrorBody, description = "The body is too large"),
        (status = 415, body = ErrorBody, description = "No JSON"),
    )
)]
pub(crate) async fn create(
    State(app): State<App>,
    Caller(account): Caller,
    request: Request,
) -> Result<Json<DestinationView>, Problem> {
    let form = Form::read(request, &fields::FIELDS).await?;
    let writer = fields::writer(&form)?;
    let wish = Wish {
        name: fields::name(form.text("name")?.unwrap_or_default())?,
        bucket: fields::bucket(form.text("bucket")?.unwrap_or_default())?,
        region: fields::region(form.text("region")?.unwrap_or_else(|| "us-east-1".to_owned()))?,
        endpoint: fields::endpoint(&app, form.text("endpoint")?.unwrap_or_default())?,
        prefix: fields::prefix(form.text("prefix")?.unwrap_or_default())?,
        path_style: form.boolean("path_style")?.unwrap_or(false),
        writer: writer.ok_or_else(|| {
            Problem::invalid("access_key_id", "must be given with secret_access_key, or role_arn in place of both")
        })?,
    };
    Ok(Json(destinations::create(&app.pool, &app.vault, account, &wish).await?.into()))
}
