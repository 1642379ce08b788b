//! What one request may cost.

use std::time::Duration;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::http::header::CONTENT_LENGTH;
use axum::http::{HeaderMap, StatusCode};
use tower_http::timeout::TimeoutLayer;

/// Largest image, in bytes.
pub(crate) const IMAGE_MAX_BYTES: usize = 20 * 1024 * 1024;
/// Shortest and longest side of an image, in pixels.
pub(crate) const IMAGE_SIDE_PX: std::ops::RangeInclusive<u32> = 64..=8192;
/// Memory that decoding one image may take: the largest accepted size in RGBA.
pub(crate) const IMAGE_MAX_DECODED_BYTES: u64 = 8192 * 8192 * 4;
/// Images decoded at the same time, whatever number of requests wait.
pub(crate) const PICTURES_AT_ONCE: usize = 2;
/// Requests that have fetched, decoded or unstored images in hand at the same time, 40 MB each.
pub(crate) const IMAGES_IN_HAND: usize = 16;
/// Members of a JSON body, and parts of a multipart one.
pub(crate) const PARTS_MAX: usize = 64;
/// Longest idempotency key, in characters.
pub(crate) const IDEMPOTENCY_KEY_MAX_CHARS: usize = 255;
/// Videos on one page of a list.
pub(crate) const PAGE_MAX: u32 = 100;

/// Two images in base64, and the rest.
const BODY_MAX_BYTES: usize = 2 * IMAGE_MAX_BYTES / 3 * 4 + 1024 * 1024;
/// Memory for bodies that are being read, in MiB: a request waits until there is room for what it announces.
pub(crate) const BODIES_MIB: usize = 512;

const REQUEST_TIMEOUT: Duration = Duration::from_secs(120);

/// How many MiB the body of a request may take; what it does not announce counts as the largest.
pub(crate) fn body_mib(headers: &HeaderMap) -> u32 {
    const MIB: usize = 1024 * 1024;
    let announced = headers.get(CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse().ok());
    let bytes = announced.unwrap_or(BODY_MAX_BYTES).min(BODY_MAX_BYTES);
    u32::try_from(bytes.div_ceil(MIB)).unwrap_or(u32::MAX).max(1)
}

/// Bounds every request's body and time.
pub(crate) fn layers(router: Router) -> Router {
    router
        .layer(DefaultBodyLimit::max(BODY_MAX_BYTES))
        .layer(TimeoutLayer::with_status_code(StatusCode::REQUEST_TIMEOUT, REQUEST_TIMEOUT))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_body_takes_the_room_that_it_announces() {
        let mib = |length: Option<&str>| {
            let headers = length.map(|length| (CONTENT_LENGTH, length.parse().expect("a header value")));
            body_mib(&headers.into_iter().collect())
        };
        assert_eq!(mib(Some("0")), 1);
        assert_eq!(mib(Some("1048577")), 2);
        let largest = mib(None);
        assert!((50..=64).contains(&largest) && largest as usize <= BODIES_MIB);
        assert_eq!(mib(Some("99999999999")), largest);
    }
}
