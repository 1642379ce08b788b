//! `GET /v1/videos/{id}`: how a job stands.

use axum::extract::State;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE, ETAG, IF_NONE_MATCH};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use clipmill_shared::id::JobId;
use clipmill_shared::jobs::{Job, read};
use clipmill_shared::secret::ApiKey;
use sha2::{Digest as _, Sha256};

use super::VideoId;
use super::view::VideoView;
use crate::app::App;
use crate::auth::{Bearer, Caller};
use crate::problem::{ErrorBody, Problem};

/// Read by OpenAI's client libraries on the first poll.
const POLL_AFTER: (HeaderName, HeaderValue) =
    (HeaderName::from_static("openai-poll-after-ms"), HeaderValue::from_static("1000"));
const REVALIDATE: (HeaderName, HeaderValue) = (CACHE_CONTROL, HeaderValue::from_static("private, no-cache"));
const JSON: (HeaderName, HeaderValue) = (CONTENT_TYPE, HeaderValue::from_static("application/json"));

/// Shows how a job stands. A failed job is an answer like any other. With the `ETag` of an earlier answer as `If-None-Match`,
/// one that would say the same is empty.
#[utoipa::path(
    get, path = "/v1/videos/{id}", tag = "videos",
    params(
        ("id" = String, Path, description = "The video's id"),
        ("If-None-Match" = Option<String>, Header, description = "The `ETag` of an earlier answer"),
    ),
    responses(
        (status = 200, body = VideoView, description = "The job"),
        (status = 304, description = "Nothing has changed since the answer with this `ETag`"),
        (status = 401, body = ErrorBody, description = "No live API key"),
        (status = 404, body = ErrorBody, description = "The account has no such video"),
        (status = 503, body = ErrorBody, description = "Not available at the moment"),
    )
)]
pub(crate) async fn get(
    State(app): State<App>,
    Bearer(key): Bearer,
    VideoId(id): VideoId,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let job = find(&app, key, id).await?;
    let ended = job.status.is_terminal();
    let view = VideoView::new(&app, job).await;
    let body = serde_json::to_vec(&view).map_err(|_| Problem::internal())?;
    let answer = unless_known(&headers, body)?;
    Ok(if ended { answer } else { ([POLL_AFTER], answer).into_response() })
}

/// One statement proves the key and reads the job. Only when it finds nothing, another says why.
async fn find(app: &App, key: ApiKey, id: JobId) -> Result<Job, Problem> {
    if let Some(job) = app.polls.ask((key.clone(), id)).await? {
        Caller::known(job.account_id);
        return Ok(job);
    }
    let Caller(account) = Caller::prove(app, &key).await?;
    read::find(&app.pool, account, id).await?.ok_or_else(Problem::no_video)
}

/// The body, or 304 for a client that has it.
fn unless_known(headers: &HeaderMap, body: Vec<u8>) -> Result<Response, Problem> {
    let tag = format!("\"{}\"", hex::encode(&Sha256::digest(&body)[..16]));
    let known = headers.get_all(IF_NONE_MATCH).iter().filter_map(|value| value.to_str().ok());
    let is_known = known.flat_map(|list| list.split(',')).any(|known| matches(known.trim(), &tag));
    let tag = [(ETAG, HeaderValue::from_str(&tag).map_err(|_| Problem::internal())?), REVALIDATE];
    Ok(match is_known {
        true => (StatusCode::NOT_MODIFIED, tag).into_response(),
        false => ([JSON], tag, body).into_response(),
    })
}

fn matches(known: &str, tag: &str) -> bool {
    known == "*" || known.strip_prefix("W/").unwrap_or(known) == tag
}
