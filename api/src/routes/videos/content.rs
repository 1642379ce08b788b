//! `GET /v1/videos/{id}/content`: the finished files.

use std::collections::HashMap;

use axum::body::Body;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use axum::http::header::{
    ACCEPT_RANGES, CACHE_CONTROL, CONTENT_DISPOSITION, CONTENT_LENGTH, CONTENT_RANGE, CONTENT_TYPE, ETAG, LOCATION,
};
use axum::http::{HeaderMap, HeaderName, Method, StatusCode};
use axum::response::{IntoResponse, Response};
use clipmill_shared::jobs::{Job, JobStatus, Output, read};
use clipmill_shared::storage::StorageError;
use clipmill_shared::storage::key::Variant;
use tokio_util::io::ReaderStream;

use super::VideoId;
use crate::app::App;
use crate::auth::Caller;
use crate::problem::{ErrorBody, Problem};
use crate::range::{self, Part};

/// Hands out a finished file: by a link to the store, or through this service with `redirect=false`.
#[utoipa::path(
    get, path = "/v1/videos/{id}/content", tag = "videos",
    params(
        ("id" = String, Path, description = "The video's id"),
        ("variant" = Option<String>, Query, pattern = "^(video|thumbnail|spritesheet|preview)$", description = "`video` (the default), `thumbnail`, `spritesheet` or `preview`"),
        ("redirect" = Option<bool>, Query, description = "false: the bytes come through this service, `Range` included"),
        ("Range" = Option<String>, Header, description = "With redirect=false: the part to send"),
    ),
    responses(
        (status = 200, description = "The file", content(("video/mp4"), ("image/webp"), ("image/jpeg"))),
        (status = 206, description = "The part that was asked for", content(("video/mp4"), ("image/webp"), ("image/jpeg"))),
        (status = 302, description = "The file is at `location`, for a while"),
        (status = 400, body = ErrorBody, description = "A parameter cannot be accepted"),
        (status = 401, body = ErrorBody, description = "No live API key"),
        (status = 404, body = ErrorBody, description = "The account has no such video, or it ended without one"),
        (status = 409, body = ErrorBody, description = "The video is not finished"),
        (status = 410, body = ErrorBody, description = "The video's retention is over"),
        (status = 416, body = ErrorBody, description = "The range lies outside of the file"),
        (status = 503, body = ErrorBody, description = "Not available at the moment"),
    )
)]
pub(crate) async fn content(
    State(app): State<App>,
    Caller(account): Caller,
    VideoId(id): VideoId,
    method: Method,
    query: Result<Query<HashMap<String, String>>, QueryRejection>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let Query(query) = query.map_err(|_| Problem::body("the query string is malformed"))?;
    let (variant, redirect) = parse(&query)?;
    let job = read::find(&app.pool, account, id).await?.ok_or_else(Problem::no_video)?;
    let (output, key) = job.output(variant).ok_or_else(|| Problem::no_content(job.status))?;
    // A link is signed for GET alone.
    if redirect && method == Method::GET {
        let link = app.storage.link(&key, &output.content_type, &file_name(&job, output)).await?;
        return Ok((StatusCode::FOUND, [(LOCATION, link), (CACHE_CONTROL, "no-store".to_owned())]).into_response());
    }
    stream(&app, &job, output, &key, range::part(&headers, output.size_bytes)).await
}

async fn stream(app: &App, job: &Job, output: &Output, key: &str, part: Part) -> Result<Response, Problem> {
    let size = output.size_bytes;
    let (status, range, sent) = match part {
        Part::Whole => (StatusCode::OK, None, None),
        Part::Bytes(first, last) => {
            let sent = format!("bytes {first}-{last}/{size}");
            (StatusCode::PARTIAL_CONTENT, Some(format!("bytes={first}-{last}")), Some(sent))
        }
        Part::Outside => return Ok(([(CONTENT_RANGE, format!("bytes */{size}"))], Problem::no_range()).into_response()),
    };
    let download = app.storage.get(key, range.as_deref()).await.map_err(|error| match error {
        // Objects go first, then the row says so.
        StorageError::NotFound => Problem::no_content(JobStatus::Expired),
        error => error.into(),
    })?;
    let headers: [(HeaderName, String); 4] = [
        (CONTENT_TYPE, output.content_type.clone()),
        (ACCEPT_RANGES, "bytes".to_owned()),
        (CONTENT_DISPOSITION, format!("inline; filename=\"{}\"", file_name(job, output))),
        (CACHE_CONTROL, "private, no-store".to_owned()),
    ];
    let known = [
        (CONTENT_LENGTH, download.length.map(|length| length.to_string())),
        (CONTENT_RANGE, sent),
        (ETAG, download.etag),
    ];
    let body = Body::from_stream(ReaderStream::new(download.body.into_async_read()));
    let mut response = (status, headers, body).into_response();
    for (name, value) in known {
        if let Some(value) = value.and_then(|value| value.parse().ok()) {
            response.headers_mut().insert(name, value);
        }
    }
    Ok(response)
}

fn file_name(job: &Job, output: &Output) -> String {
    let extension = output.file_name.rsplit('.').next().unwrap_or_default();
    match output.variant {
        Variant::Video => format!("{}.{extension}", job.id),
        variant => format!("{}-{variant}.{extension}", job.id),
    }
}

fn parse(query: &HashMap<String, String>) -> Result<(Variant, bool), Problem> {
    let names = Variant::ALL.map(Variant::as_str).join(", ");
    let variant = query.get("variant").map_or(Ok(Variant::Video), |text| text.parse());
    let variant = variant.map_err(|()| Problem::invalid("variant", &format!("must be one of: {names}")))?;
    let redirect = query.get("redirect").map_or(Ok(true), |text| text.parse());
    Ok((variant, redirect.map_err(|_| Problem::invalid("redirect", "must be true or false"))?))
}
