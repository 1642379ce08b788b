//! Handing out finished files: by a link to the store, or through this service, in parts if asked. What is told of a file comes from
//! the ledger, so that a look at it, or at whether it has changed, asks the store nothing.

use axum::body::Body;
use axum::http::header::{
    ACCEPT_RANGES, CACHE_CONTROL, CONTENT_DISPOSITION, CONTENT_LENGTH, CONTENT_RANGE, CONTENT_TYPE, ETAG,
    IF_NONE_MATCH, LAST_MODIFIED, LOCATION,
};
use axum::http::{HeaderMap, HeaderName, Method, StatusCode};
use axum::response::{IntoResponse, Response};
use clipmill_shared::jobs::{Job, JobStatus, Output};
use clipmill_shared::storage::key::Variant;
use clipmill_shared::storage::{Disposition, StorageError};
use tokio_util::io::ReaderStream;

use crate::app::App;
use crate::problem::Problem;
use crate::range::{self, Part};

/// How a file is to be handed out.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Manner {
    /// By a link to the store, in place of through this service.
    pub(crate) redirect: bool,
    /// To be stored under its name, in place of shown.
    pub(crate) download: bool,
}

/// A job's file, or why there is none.
pub(crate) async fn deliver(
    app: &App,
    job: &Job,
    variant: Variant,
    manner: Manner,
    method: &Method,
    headers: &HeaderMap,
) -> Result<Response, Problem> {
    if job.status == JobStatus::Completed && !job.keeps_files() {
        return Err(Problem::delivered_elsewhere());
    }
    let (output, key) = job.output(variant).ok_or_else(|| Problem::no_content(job.status))?;
    let name = file_name(job, output);
    let disposition = if manner.download { Disposition::Attachment(&name) } else { Disposition::Inline(&name) };
    // A link is signed for GET alone.
    if manner.redirect && method == Method::GET {
        let link = app.storage.link(&key, &output.content_type, disposition).await?;
        return Ok((StatusCode::FOUND, [(LOCATION, link), (CACHE_CONTROL, "no-store".to_owned())]).into_response());
    }
    let version = Version::of(job, output);
    let told = [
        (CONTENT_TYPE, output.content_type.clone()),
        (CONTENT_DISPOSITION, disposition.to_string()),
        (ACCEPT_RANGES, "bytes".to_owned()),
    ];
    if version.is_known(headers) {
        return Ok((StatusCode::NOT_MODIFIED, version.headers()).into_response());
    }
    // Only a GET has parts (RFC 9110, section 14.2).
    if method == Method::HEAD {
        return Ok((version.headers(), told, [(CONTENT_LENGTH, output.size_bytes)], Body::empty()).into_response());
    }
    let size = output.size_bytes;
    let part = match range::part(headers, size, &version.tag, &version.date) {
        Part::Whole => None,
        Part::Bytes(first, last) => Some((first, last)),
        Part::Outside => return Ok(([(CONTENT_RANGE, format!("bytes */{size}"))], Problem::no_range()).into_response()),
    };
    Ok((version.headers(), told, send(app, size, &key, part).await?).into_response())
}

/// The bytes that were asked for, from the store: from the first to the last one, or all.
async fn send(app: &App, size: u64, key: &str, part: Option<(u64, u64)>) -> Result<Response, Problem> {
    let (status, length) = match part {
        Some((first, last)) => (StatusCode::PARTIAL_CONTENT, last - first + 1),
        None => (StatusCode::OK, size),
    };
    let range = part.map(|(first, last)| format!("bytes={first}-{last}"));
    let download = app.storage.get(key, range.as_deref()).await.map_err(|error| match error {
        // Objects go first, then the row says so.
        StorageError::NotFound => Problem::no_content(JobStatus::Expired),
        error => error.into(),
    })?;
    let body = Body::from_stream(ReaderStream::new(download.body.into_async_read()));
    let sent = part.map(|(first, last)| [(CONTENT_RANGE, format!("bytes {first}-{last}/{size}"))]);
    Ok((status, [(CONTENT_LENGTH, length)], sent, body).into_response())
}

/// Which version of a file it is. There is never a second one: a file comes into being with its job's end.
struct Version {
    /// The entity tag.
    tag: String,
    /// When it came into being, as HTTP writes it.
    date: String,
}

impl Version {
    fn of(job: &Job, output: &Output) -> Self {
        let date = job.finished_at.unwrap_or(job.created_at).format("%a, %d %b %Y %H:%M:%S GMT");
        Self { tag: format!("\"{}\"", output.sha256), date: date.to_string() }
    }

    /// Whether the client says that it has it.
    fn is_known(&self, headers: &HeaderMap) -> bool {
        let known = headers.get_all(IF_NONE_MATCH).iter().filter_map(|value| value.to_str().ok());
        let matches = |known: &str| known == "*" || known.strip_prefix("W/").unwrap_or(known) == self.tag;
        known.flat_map(|list| list.split(',')).any(|known| matches(known.trim()))
    }

    /// What tells it, and that whoever has it keeps it to themselves and asks before using it again.
    fn headers(&self) -> [(HeaderName, String); 3] {
        [(ETAG, self.tag.clone()), (LAST_MODIFIED, self.date.clone()), (CACHE_CONTROL, "private, no-cache".to_owned())]
    }
}

/// A name that people can read and that tells nothing of what the video shows: `clipmill-fast-2026-11-27-0a1b2c3d.mp4`.
pub(crate) fn file_name(job: &Job, output: &Output) -> String {
    let (id, extension) = (job.id.uuid().simple().to_string(), output.file_name.rsplit('.').next().unwrap_or_default());
    let date = job.finished_at.unwrap_or(job.created_at).format("%F");
    // The end of an id is chance, its beginning the time.
    let name = format!("clipmill-{}-{date}-{}", job.tier, &id[24..]);
    match output.variant {
        Variant::Video => format!("{name}.{extension}"),
        variant => format!("{name}-{variant}.{extension}"),
    }
}
