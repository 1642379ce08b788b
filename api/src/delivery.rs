//! Handing out finished files: by a link to the store, or through this service.

use axum::body::Body;
use axum::http::header::{
    ACCEPT_RANGES, CACHE_CONTROL, CONTENT_DISPOSITION, CONTENT_LENGTH, CONTENT_RANGE, CONTENT_TYPE, ETAG, LOCATION,
};
use axum::http::{HeaderMap, HeaderName, Method, StatusCode};
use axum::response::{IntoResponse, Response};
use clipmill_shared::jobs::{Job, JobStatus, Output};
use clipmill_shared::storage::StorageError;
use clipmill_shared::storage::key::Variant;
use tokio_util::io::ReaderStream;

use crate::app::App;
use crate::problem::Problem;
use crate::range::{self, Part};

/// A job's file, or why there is none.
pub(crate) async fn deliver(
    app: &App,
    job: &Job,
    variant: Variant,
    redirect: bool,
    method: &Method,
    headers: &HeaderMap,
) -> Result<Response, Problem> {
    if job.status == JobStatus::Completed && !job.keeps_files() {
        return Err(Problem::delivered_elsewhere());
    }
    let (output, key) = job.output(variant).ok_or_else(|| Problem::no_content(job.status))?;
    // A link is signed for GET alone.
    if redirect && method == Method::GET {
        let link = app.storage.link(&key, &output.content_type, &file_name(job, output)).await?;
        return Ok((StatusCode::FOUND, [(LOCATION, link), (CACHE_CONTROL, "no-store".to_owned())]).into_response());
    }
    stream(app, job, output, &key, range::part(headers, output.size_bytes)).await
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
