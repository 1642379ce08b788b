//! What is known of every request: its id, its span, its metrics; and that a panic is an answer like any other.

use std::any::Any;
use std::time::Instant;

use axum::Router;
use axum::extract::{MatchedPath, Request};
use axum::http::{HeaderName, HeaderValue, Method, StatusCode};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse as _, Response};
use tower_http::catch_panic::CatchPanicLayer;
use tracing::{Instrument as _, error, info_span};
use uuid::Uuid;

use crate::problem::Problem;

/// Names a request in its answer and in the log.
pub(crate) const X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// Wraps a router, so that all of its answers carry a request id and are counted.
pub(crate) fn layers(router: Router) -> Router {
    router.layer(CatchPanicLayer::custom(on_panic)).layer(middleware::from_fn(observe))
}

fn on_panic(_: Box<dyn Any + Send + 'static>) -> Response {
    error!("A request handler panicked");
    Problem::internal().into_response()
}

async fn observe(request: Request, next: Next) -> Response {
    let started = Instant::now();
    let id = format!("req_{}", Uuid::now_v7().simple());
    let method = request.method().clone();
    let route =
        request.extensions().get::<MatchedPath>().map_or("unmatched".to_owned(), |path| path.as_str().to_owned());
    let span = info_span!("request", request.id = %id, http.method = %method, http.route = %route, account.id = tracing::field::Empty);

    let mut response = plain(next.run(request).instrument(span).await);
    let status = response.status().as_u16().to_string();
    let labels = [("method", label(&method).to_owned()), ("route", route), ("status", status)];
    metrics::counter!("clipmill_http_requests_total", &labels).increment(1);
    metrics::histogram!("clipmill_http_request_seconds", &labels[..2]).record(started.elapsed().as_secs_f64());
    if let Ok(value) = HeaderValue::from_str(&id) {
        response.headers_mut().insert(X_REQUEST_ID, value);
    }
    response
}

/// Anybody may send a method of their own making; each would be a series of its own.
fn label(method: &Method) -> &str {
    match *method {
        Method::GET | Method::HEAD | Method::POST | Method::PUT | Method::PATCH | Method::DELETE | Method::OPTIONS => {
            method.as_str()
        }
        _ => "other",
    }
}

/// Gives the answers of the layers below, which know nothing of our shape, that shape.
fn plain(response: Response) -> Response {
    match response.status() {
        StatusCode::REQUEST_TIMEOUT => Problem::timeout().into_response(),
        _ => response,
    }
}
