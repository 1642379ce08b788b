//! The embedded parts with real processes, real sockets and real files.

mod master_key;
mod objects;
mod postgres;
mod signatures;
mod takeover;

use std::time::Duration;

use tokio::time::Instant;

/// Waits until `condition` holds, at most half a minute.
async fn wait_until(what: &str, mut condition: impl FnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(30);
    while !condition() {
        assert!(Instant::now() < deadline, "{what} did not happen");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}
