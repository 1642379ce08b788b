//! `POST /v1/videos/{id}/cancel`: call a job off, whether it waits or runs.

use axum::Json;
use axum::extract::State;
use clipmill_shared::jobs;

use super::VideoId;
use super::view::VideoView;
use crate::app::App;
use crate::auth::Caller;
use crate::problem::{ErrorBody, Problem};

/// Calls a job off. A running render stops and frees its GPU. Doing so again changes nothing.
#[utoipa::path(
    post, path = "/v1/videos/{id}/cancel", tag = "videos", params(("id" = String, Path, description = "The video's id")),
    responses(
        (status = 200, body = VideoView, description = "The cancelled job"),
        (status = 404, body = ErrorBody, description = "The account has no such video"),
        (status = 409, body = ErrorBody, description = "The job has ended in another way"),
    )
)]
pub(crate) async fn cancel(
    State(app): State<App>,
    Caller(account): Caller,
    VideoId(id): VideoId,
) -> Result<Json<VideoView>, Problem> {
    let job = jobs::cancel::cancel(&app.pool, account, id).await?;
    Ok(Json(VideoView::new(&app, job).await))
}
