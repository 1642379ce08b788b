//! What one request may cost.

use std::time::Duration;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::http::StatusCode;
use tower_http::timeout::TimeoutLayer;

/// Largest image, in bytes.
pub(crate) const IMAGE_MAX_BYTES: usize = 20 * 1024 * 1024;
/// Shortest and longest side of an image, in pixels.
pub(crate) const IMAGE_SIDE_PX: std::ops::RangeInclusive<u32> = 64..=8192;
/// Memory that decoding one image may take: the largest accepted size in RGBA.
pub(crate) const IMAGE_MAX_DECODED_BYTES: u64 = 8192 * 8192 * 4;
/// Images decoded at the same time, whatever number of requests wait.
pub(crate) const PICTURES_AT_ONCE: usize = 2;
/// Parts of a multipart body.
pub(crate) const PARTS_MAX: usize = 64;
/// Longest idempotency key, in characters.
pub(crate) const IDEMPOTENCY_KEY_MAX_CHARS: usize = 255;
/// Videos on one page of a list.
pub(crate) const PAGE_MAX: u32 = 100;

/// Two images in base64, and the rest.
const BODY_MAX_BYTES: usize = 2 * IMAGE_MAX_BYTES / 3 * 4 + 1024 * 1024;
const REQUEST_TIMEOUT: Duration = Duration::from_secs(120);

/// Bounds every request's body and time.
pub(crate) fn layers(router: Router) -> Router {
    router
        .layer(DefaultBodyLimit::max(BODY_MAX_BYTES))
        .layer(TimeoutLayer::with_status_code(StatusCode::REQUEST_TIMEOUT, REQUEST_TIMEOUT))
}
