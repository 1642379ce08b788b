//! What every answer of the dialect has in common: HTTP status 200 with `base_resp` in place of our errors, wherever they come
//! from, and the request's id as `Trace-Id`.

use axum::Router;
use axum::body::Body;
use axum::extract::Request;
use axum::http::header::{AUTHORIZATION, CONTENT_LENGTH};
use axum::http::{HeaderName, StatusCode};
use axum::middleware::{self, Next};
use axum::response::Response;
use serde_json::json;

use super::code::BaseResp;
use super::v1;
use crate::observe::X_REQUEST_ID;
use crate::problem::Problem;

const TRACE_ID: HeaderName = HeaderName::from_static("trace-id");
const X_API_KEY: HeaderName = HeaderName::from_static("x-api-key");

/// Wraps a router, so that its answers below the dialect's addresses are in the dialect. Has to be the outermost layer.
pub(crate) fn layers(router: Router) -> Router {
    router.layer(middleware::from_fn(translate))
}

async fn translate(request: Request, next: Next) -> Response {
    let path = request.uri().path();
    if !v1::PATHS.contains(&path) {
        return next.run(request).await;
    }
    let submits = path == v1::SUBMIT;
    let with_key = [AUTHORIZATION, X_API_KEY].iter().any(|name| request.headers().contains_key(name));
    let response = next.run(request).await;
    let mut response = match response.extensions().get::<Problem>() {
        Some(problem) => {
            let base_resp = BaseResp::of_problem(problem, with_key);
            refusal(response, base_resp, submits)
        }
        None => response,
    };
    if let Some(id) = response.headers().get(X_REQUEST_ID).cloned() {
        response.headers_mut().insert(TRACE_ID, id);
    }
    response
}

/// The same answer in the dialect's words; what its headers say stays so.
fn refusal(response: Response, base_resp: BaseResp, submits: bool) -> Response {
    let body = match submits {
        true => json!({ "task_id": "", "base_resp": base_resp }),
        false => json!({ "base_resp": base_resp }),
    };
    let (mut parts, _) = response.into_parts();
    parts.status = StatusCode::OK;
    parts.headers.remove(CONTENT_LENGTH);
    Response::from_parts(parts, Body::from(body.to_string()))
}
