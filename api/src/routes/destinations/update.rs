//! `PATCH /v1/destinations/{id}`: change a destination.

use axum::Json;
use axum::extract::{Request, State};
use clipmill_shared::destinations::{self, Change};
use serde::Deserialize;
use utoipa::ToSchema;

use super::view::DestinationView;
use super::{DestinationPath, fields};
use crate::app::App;
use crate::auth::Caller;
use crate::form::Form;
use crate::problem::{ErrorBody, Problem};

/// What to change; what is left out stays. Keys take the place of a role, and a role that of keys.
#[derive(Deserialize, ToSchema)]
#[schema(as = UpdateDestinationBody)]
#[expect(dead_code, reason = "describes the body for readers; `Form` reads it")]
pub(crate) struct UpdateBody {
    /// What to call it
    #[schema(min_length = 1, max_length = 64)]
    name: Option<String>,
    /// The bucket
    #[schema(min_length = 3, max_length = 63)]
    bucket: Option<String>,
    /// Where the bucket is
    region: Option<String>,
    /// The S3 server's address; an empty text means AWS itself
    #[schema(max_length = 2048)]
    endpoint: Option<String>,
    /// What all keys start with
    #[schema(max_length = 512)]
    prefix: Option<String>,
    /// Whether the bucket is named in the path instead of the host
    path_style: Option<bool>,
    /// The public part of a pair of keys, together with the secret one
    #[schema(max_length = 256)]
    access_key_id: Option<String>,
    /// The secret part
    #[schema(max_length = 256)]
    secret_access_key: Option<String>,
    /// A role in place of keys
    #[schema(max_length = 2048)]
    role_arn: Option<String>,
}

/// Changes a destination. Videos that are not finished yet go where it leads then.
#[utoipa::path(
    patch, path = "/v1/destinations/{id}", tag = "destinations", operation_id = "update_destination",
    params(("id" = String, Path, description = "The destination's id or name")), request_body = UpdateBody,
    responses(
        (status = 200, body = DestinationView, description = "The destination as it is now"),
        (status = 400, body = ErrorBody, description = "A field cannot be accepted; `param` names it"),
        (status = 404, body = ErrorBody, description = "The account has no such destination"),
        (status = 409, body = ErrorBody, description = "The account has another one of this name"),
        (status = 413, body = ErrorBody, description = "The body is too large"),
        (status = 415, body = ErrorBody, description = "No JSON"),
    )
)]
pub(crate) async fn update(
    State(app): State<App>,
    Caller(account): Caller,
    path: DestinationPath,
    request: Request,
) -> Result<Json<DestinationView>, Problem> {
    let form = Form::read(request, &fields::FIELDS).await?;
    let change = Change {
        name: form.text("name")?.map(fields::name).transpose()?,
        bucket: form.text("bucket")?.map(fields::bucket).transpose()?,
        region: form.text("region")?.map(fields::region).transpose()?,
        endpoint: form.text("endpoint")?.map(|endpoint| fields::endpoint(&app, endpoint)).transpose()?,
        prefix: form.text("prefix")?.map(fields::prefix).transpose()?,
        path_style: form.boolean("path_style")?,
        writer: fields::writer(&form)?,
    };
    let id = path.find(&app, account).await?.id;
    Ok(Json(destinations::update(&app.pool, &app.vault, account, id, &change).await?.into()))
}
