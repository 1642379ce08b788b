//! What one request may cost.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::http::header::CONTENT_LENGTH;
use axum::http::{HeaderMap, StatusCode};
use clipmill_shared::id::AccountId;
use clipmill_shared::jobs::watermark;
use clipmill_shared::picture::PICTURE_MAX_BYTES;
use tokio::sync::{AcquireError, OwnedSemaphorePermit, Semaphore};
use tower_http::timeout::TimeoutLayer;

/// Largest image, in bytes.
pub(crate) const IMAGE_MAX_BYTES: usize = PICTURE_MAX_BYTES as usize;
/// Shortest and longest side of an image, in pixels.
pub(crate) const IMAGE_SIDE_PX: std::ops::RangeInclusive<u32> = 64..=8192;
/// Memory that decoding one image may take: the largest accepted size in RGBA.
pub(crate) const IMAGE_MAX_DECODED_BYTES: u64 = 8192 * 8192 * 4;
/// Images decoded at the same time, whatever number of requests wait.
pub(crate) const PICTURES_AT_ONCE: usize = 2;
/// Requests that have fetched, decoded or unstored images in hand at the same time, 40 MB each.
pub(crate) const IMAGES_IN_HAND: usize = 16;
/// Connections at the same time; further ones wait to be accepted.
pub(crate) const CONNECTIONS_AT_ONCE: usize = 32_768;
/// Headers of one request, and the bytes that they and the first line may have together.
pub(crate) const HEADERS_MAX: usize = 100;
pub(crate) const HEADERS_MAX_BYTES: usize = 64 * 1024;
/// How long the headers of a request may take to arrive, and a connection may rest between two requests.
pub(crate) const HEADERS_TIMEOUT: Duration = Duration::from_secs(75);
/// How long a TLS handshake may take.
pub(crate) const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(10);
/// Requests that wait for a job at the same time, whether for its next state or along its whole way.
pub(crate) const WAITS_AT_ONCE: usize = 16_384;
/// The longest time that a request may wait for a job to change.
pub(crate) const WAIT_MAX_SECONDS: u64 = 60;
/// Members of a JSON body, and parts of a multipart one.
pub(crate) const PARTS_MAX: usize = 64;
/// Longest idempotency key, in characters.
pub(crate) const IDEMPOTENCY_KEY_MAX_CHARS: usize = 255;
/// Entries on one page of a list.
pub(crate) const PAGE_MAX: u32 = 100;
/// Largest body of a request that brings no images, in bytes.
pub(crate) const SMALL_BODY_MAX_BYTES: usize = 64 * 1024;
/// Largest body of a request that may bring the PNG of a mark: that in base64, and the rest.
pub(crate) const MARK_BODY_MAX_BYTES: usize = watermark::IMAGE_MAX_BYTES / 3 * 4 + SMALL_BODY_MAX_BYTES;

/// Two images in base64, and the rest.
const BODY_MAX_BYTES: usize = 2 * IMAGE_MAX_BYTES / 3 * 4 + 1024 * 1024;
/// Memory for the bodies that one account has under way, in MiB: its further requests wait until there is room for what
/// they announce. Others do not wait for it.
const BODIES_MIB: usize = 256;

const REQUEST_TIMEOUT: Duration = Duration::from_secs(120);

/// The room that each account has for bodies.
#[derive(Debug, Default)]
pub(crate) struct Rooms(Mutex<HashMap<AccountId, Arc<Semaphore>>>);

impl Rooms {
    /// Waits until the account has room for a body of so many MiB. The room is free again when the value is dropped.
    pub(crate) async fn enter(&self, account: AccountId, mib: u32) -> Result<OwnedSemaphorePermit, AcquireError> {
        let room = self.of(account);
        room.acquire_many_owned(mib).await
    }

    fn of(&self, account: AccountId) -> Arc<Semaphore> {
        let mut rooms = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        // Rooms that nobody is in need not be kept.
        rooms.retain(|_, room| Arc::strong_count(room) > 1);
        rooms.entry(account).or_insert_with(|| Arc::new(Semaphore::new(BODIES_MIB))).clone()
    }
}

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

    #[tokio::test]
    async fn an_account_that_fills_its_room_keeps_no_other_waiting() {
        let (rooms, greedy, other) = (Rooms::default(), AccountId::new(), AccountId::new());
        let _all = rooms.enter(greedy, BODIES_MIB as u32).await.expect("room");
        assert!(rooms.of(greedy).try_acquire().is_err());
        assert!(rooms.enter(other, BODIES_MIB as u32).await.is_ok());
        assert_eq!(rooms.0.lock().expect("the lock").len(), 2);
    }

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
