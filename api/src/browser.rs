//! What browsers and slow lines want: cross-origin requests by configuration, and smaller JSON.

use axum::Router;
use axum::http::header::{AUTHORIZATION, CONTENT_TYPE, IF_NONE_MATCH};
use axum::http::{Extensions, HeaderMap, HeaderName, HeaderValue, Method, StatusCode, Version};
use tower_http::compression::CompressionLayer;
use tower_http::compression::predicate::{Predicate as _, SizeAbove};
use tower_http::cors::{AllowOrigin, CorsLayer};

use crate::App;

/// Bodies up to this size fit into two packets and are sent as they are.
const PLAIN_MAX_BYTES: u64 = 2048;

const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");
const PREFER: HeaderName = HeaderName::from_static("prefer");
const LAST_EVENT_ID: HeaderName = HeaderName::from_static("last-event-id");

/// Lets pages of the allowed origins read answers, and compresses large ones of JSON.
pub(crate) fn layers(router: Router, app: &App) -> Router {
    let router = router.layer(CompressionLayer::new().compress_when(SizeAbove::new(PLAIN_MAX_BYTES).and(is_json)));
    match app.origins() {
        [] => router,
        origins => router.layer(cors(origins)),
    }
}

fn is_json(_: StatusCode, _: Version, headers: &HeaderMap, _: &Extensions) -> bool {
    headers.get(CONTENT_TYPE).is_some_and(|value| value.as_bytes().starts_with(b"application/json"))
}

fn cors(origins: &[HeaderValue]) -> CorsLayer {
    let any = origins.iter().any(|origin| origin == "*");
    CorsLayer::new()
        .allow_origin(if any { AllowOrigin::any() } else { AllowOrigin::list(origins.to_vec()) })
        .allow_methods([Method::GET, Method::POST, Method::PATCH, Method::DELETE])
        .allow_headers([AUTHORIZATION, CONTENT_TYPE, IF_NONE_MATCH, IDEMPOTENCY_KEY, PREFER, LAST_EVENT_ID])
        .expose_headers(tower_http::cors::Any)
        .max_age(std::time::Duration::from_secs(600))
}
