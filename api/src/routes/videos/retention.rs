//! `POST /v1/videos/{id}/retention`: how long the files stay, said anew.

use axum::Json;
use axum::extract::{Request, State};
use clipmill_shared::jobs::retention::{self, Change};
use serde::Deserialize;
use utoipa::ToSchema;

use super::VideoId;
use super::view::VideoView;
use crate::app::App;
use crate::auth::Caller;
use crate::form::Form;
use crate::problem::{ErrorBody, Problem};

const FIELDS: [&str; 2] = ["retention_seconds", "pinned"];

/// What to change, at least one of both; what is left out stays.
#[derive(Deserialize, ToSchema)]
#[schema(as = RetentionBody)]
#[expect(dead_code, reason = "describes the body for readers; `Form` reads it")]
pub(crate) struct RetentionBody {
    /// How long the files stay, in seconds from their completion, within the bounds of the tier
    #[schema(minimum = 1, example = 172_800)]
    retention_seconds: Option<i64>,
    /// True keeps the files of a completed video until this is false again, then `retention_seconds` counts from the completion
    pinned: Option<bool>,
}

/// Changes how long the files stay: longer, shorter, or until they are unpinned. What is over by then goes at once.
#[utoipa::path(
    post, path = "/v1/videos/{id}/retention", tag = "videos", params(("id" = String, Path, description = "The video's id")),
    request_body = RetentionBody,
    responses(
        (status = 200, body = VideoView, description = "The video as it is now"),
        (status = 400, body = ErrorBody, description = "A field cannot be accepted; `param` names it"),
        (status = 404, body = ErrorBody, description = "The account has no such video"),
        (status = 409, body = ErrorBody, description = "There are no files to keep, or not yet, or as many are pinned as may be"),
        (status = 413, body = ErrorBody, description = "The body is too large"),
        (status = 415, body = ErrorBody, description = "Neither JSON nor multipart"),
    )
)]
pub(crate) async fn retention(
    State(app): State<App>,
    Caller(account): Caller,
    VideoId(id): VideoId,
    request: Request,
) -> Result<Json<VideoView>, Problem> {
    let form = Form::read(request, &FIELDS).await?;
    let change = Change { seconds: form.integer("retention_seconds")?, pinned: form.boolean("pinned")? };
    if !FIELDS.iter().any(|field| form.has(field)) {
        return Err(Problem::invalid("retention_seconds", "or pinned must be given"));
    }
    let job = retention::change(&app.pool, account, id, change).await?;
    Ok(Json(VideoView::new(&app, job).await))
}
