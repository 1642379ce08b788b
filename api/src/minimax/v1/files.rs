//! `GET /v1/files/retrieve` and `GET /v1/files/retrieve_content`: the finished video.

use axum::Json;
use axum::extract::State;
use axum::http::{HeaderMap, Method};
use axum::response::Response;
use clipmill_shared::storage::Disposition;
use clipmill_shared::storage::key::Variant;
use serde::Serialize;
use utoipa::ToSchema;

use super::{Parameters, find};
use crate::app::App;
use crate::auth::Caller;
use crate::delivery::{self, Manner};
use crate::minimax::code::BaseResp;
use crate::problem::Problem;

/// A finished video.
#[derive(Serialize, ToSchema)]
pub(crate) struct RetrievedView {
    /// The file
    #[schema(required = false)]
    file: FileView,
    /// How it went
    base_resp: BaseResp,
}

/// A file.
#[derive(Serialize, ToSchema)]
#[schema(as = MinimaxFileView)]
pub(crate) struct FileView {
    /// Names it: here a number
    #[schema(example = 176_843_862_716_480_i64)]
    file_id: i64,
    /// How large it is
    bytes: u64,
    /// Unix seconds
    created_at: i64,
    /// A name to store it under
    #[schema(example = "176843862716480.mp4")]
    filename: String,
    /// Always `video_generation`
    #[schema(example = "video_generation")]
    purpose: &'static str,
    /// Where to get it, for a while
    download_url: String,
}

/// Shows a finished video, with an address to get it from.
#[utoipa::path(
    get, path = "/v1/files/retrieve", tag = "minimax", params(("file_id" = i64, Query, description = "The file's id")),
    responses((status = 200, body = RetrievedView, description = "The file; or a `base_resp` alone that says what is wrong"))
)]
pub(crate) async fn retrieve(
    State(app): State<App>,
    Caller(account): Caller,
    query: Parameters,
) -> Result<Json<RetrievedView>, Problem> {
    let job = find(&app, account, query, "file_id").await?;
    let (output, key) = job.output(Variant::Video).ok_or_else(|| Problem::no_content(job.status))?;
    let number = job.number.unwrap_or_default();
    let filename = format!("{number}.mp4");
    let download_url = app.storage.link(&key, &output.content_type, Disposition::Attachment(&filename)).await?;
    let file = FileView {
        file_id: number,
        bytes: output.size_bytes,
        created_at: job.finished_at.unwrap_or(job.created_at).timestamp(),
        filename,
        purpose: "video_generation",
        download_url,
    };
    Ok(Json(RetrievedView { file, base_resp: BaseResp::success() }))
}

/// Hands out a finished video, by a link to the store.
#[utoipa::path(
    get, path = "/v1/files/retrieve_content", tag = "minimax",
    params(("file_id" = i64, Query, description = "The file's id")),
    responses(
        (status = 200, body = RetrievedView, description = "A `base_resp` alone that says what is wrong"),
        (status = 302, description = "The file is at `location`, for a while"),
    )
)]
pub(crate) async fn retrieve_content(
    State(app): State<App>,
    Caller(account): Caller,
    method: Method,
    headers: HeaderMap,
    query: Parameters,
) -> Result<Response, Problem> {
    let job = find(&app, account, query, "file_id").await?;
    let manner = Manner { redirect: true, download: false };
    delivery::deliver(&app, &job, Variant::Video, manner, &method, &headers).await
}
