//! `GET /v1/videos/{id}`: how a job stands.

use axum::Json;
use axum::extract::State;
use axum::http::{HeaderName, HeaderValue};
use axum::response::{IntoResponse, Response};
use clipmill_shared::jobs::read;

use super::VideoId;
use super::view::VideoView;
use crate::app::App;
use crate::auth::Caller;
use crate::problem::{ErrorBody, Problem};

/// Read by OpenAI's client libraries on the first poll.
const POLL_AFTER: (HeaderName, HeaderValue) =
    (HeaderName::from_static("openai-poll-after-ms"), HeaderValue::from_static("1000"));

/// Shows how a job stands. A failed job is an answer like any other.
#[utoipa::path(
    get, path = "/v1/videos/{id}", tag = "videos", params(("id" = String, Path, description = "The video's id")),
    responses(
        (status = 200, body = VideoView, description = "The job"),
        (status = 401, body = ErrorBody, description = "No live API key"),
        (status = 404, body = ErrorBody, description = "The account has no such video"),
        (status = 503, body = ErrorBody, description = "Not available at the moment"),
    )
)]
pub(crate) async fn get(
    State(app): State<App>,
    Caller(account): Caller,
    VideoId(id): VideoId,
) -> Result<Response, Problem> {
    let job = read::find(&app.pool, account, id).await?.ok_or_else(Problem::no_video)?;
    let ended = job.status.is_terminal();
    let view = Json(VideoView::from(job));
    Ok(if ended { view.into_response() } else { ([POLL_AFTER], view).into_response() })
}
