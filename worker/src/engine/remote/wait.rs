//! Waiting, but no longer than until the engine shall stop.

use std::time::Duration;

use tokio::time::{Instant, sleep};

use crate::engine::Watch;

/// How often it is looked at whether the engine shall stop.
const GLANCE: Duration = Duration::from_millis(50);

/// Comes back when the engine shall stop.
async fn stopped(watch: &Watch) {
    while !watch.stopped() {
        sleep(GLANCE).await;
    }
}

/// Waits for so long.
pub(super) async fn pause(time: Duration, watch: &Watch) {
    let until = Instant::now() + time;
    while !watch.stopped() && Instant::now() < until {
        sleep(GLANCE.min(until.saturating_duration_since(Instant::now()))).await;
    }
}

/// What comes of `work`; none if the engine shall stop before it is done. Then it is given up.
pub(super) async fn unless_stopped<T>(watch: &Watch, work: impl Future<Output = T>) -> Option<T> {
    tokio::select! {
        done = work => Some(done),
        () = stopped(watch) => None,
    }
}
