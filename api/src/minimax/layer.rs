//! What every answer of the dialect has in common: HTTP status 200 with `base_resp` in place of our errors, wherever they come
//! from, and the request's id as `Trace-Id`.

use axum::extract::Request;
use axum::http::header::AUTHORIZATION;
use axum::http::{HeaderName, StatusCode};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse as _, Response};
use axum::{Json, Router};
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
    let trace = response.headers().get(X_REQUEST_ID).cloned();
    let mut response = match response.extensions().get::<Problem>() {
        Some(problem) => refusal(BaseResp::of_problem(problem, with_key), submits),
        None => response,
    };
    if let Some(trace) = trace {
        response.headers_mut().insert(X_REQUEST_ID, trace.clone());
        response.headers_mut().insert(TRACE_ID, trace);
    }
    response
}

fn refusal(base_resp: BaseResp, submits: bool) -> Response {
    let body = match submits {
        true => json!({ "task_id": "", "base_resp": base_resp }),
        false => json!({ "base_resp": base_resp }),
    };
    (StatusCode::OK, Json(body)).into_response()
}
