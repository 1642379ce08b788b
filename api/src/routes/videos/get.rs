//! `GET /v1/videos/{id}`: how a job stands.

use std::collections::HashMap;

use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE, ETAG, IF_NONE_MATCH};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use axum::response::{AppendHeaders, IntoResponse, Response};
use sha2::{Digest as _, Sha256};

use super::VideoId;
use super::view::VideoView;
use crate::app::App;
use crate::auth::Bearer;
use crate::problem::{ErrorBody, Problem};
use crate::wait::Wait;

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
        ("wait" = Option<u64>, Query, maximum = 60, description = "Seconds to wait for the state to change before answering; also as `Prefer: wait=SECONDS`"),
        ("wait_for" = Option<String>, Query, pattern = "^(change|end)$", description = "`change` (the default), or `end`: wait until the job has ended"),
        ("If-None-Match" = Option<String>, Header, description = "The `ETag` of an earlier answer"),
    ),
    responses(
        (status = 200, body = VideoView, description = "The job"),
        (status = 304, description = "Nothing has changed since the answer with this `ETag`"),
        (status = 400, body = ErrorBody, description = "A parameter cannot be accepted; `param` names it"),
        (status = 404, body = ErrorBody, description = "The account has no such video"),
    )
)]
pub(crate) async fn get(
    State(app): State<App>,
    Bearer(key): Bearer,
    VideoId(id): VideoId,
    query: Result<Query<HashMap<String, String>>, QueryRejection>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let Query(query) = query.map_err(|_| Problem::body("the query string is malformed"))?;
    let wait = Wait::of(&query, &headers)?;
    let job = match wait {
        Some(wait) => wait.of_job(&app, &key, id, None).await?,
        None => app.find(&key, id).await?,
    };
    let ended = job.status.is_terminal();
    let view = VideoView::new(&app, job).await;
    let body = serde_json::to_vec(&view).map_err(|_| Problem::internal())?;
    let answer = unless_known(&headers, body)?;
    let confirmed = wait.and_then(Wait::confirmation).map(|header| AppendHeaders([header]));
    Ok(if ended { (confirmed, answer).into_response() } else { ([POLL_AFTER], confirmed, answer).into_response() })
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
