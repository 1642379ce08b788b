//! The line between a running engine and those who wait for it.

use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use clipmill_shared::jobs::Remote;
use tokio::sync::Notify;

/// The line between a running engine and those who wait for it: progress and the place of the render one way, the wish to stop
/// the other.
#[derive(Debug, Clone, Default)]
pub struct Watch {
    inner: Arc<WatchState>,
}

#[derive(Debug, Default)]
struct WatchState {
    stopped: AtomicBool,
    left: AtomicBool,
    percent: AtomicU32,
    place: Mutex<Place>,
    moved: Notify,
}

/// Where the render goes on outside of this process, and whether the ledger knows that.
#[derive(Debug, Default)]
struct Place {
    remote: Option<Remote>,
    is_unnoted: bool,
}

impl Watch {
    /// A line to an engine whose render may already go on somewhere, as the ledger says.
    pub fn resuming(remote: Option<Remote>) -> Self {
        let place = Mutex::new(Place { remote, is_unnoted: false });
        Self { inner: Arc::new(WatchState { place, ..WatchState::default() }) }
    }

    /// Reports that `step` of `total` steps are done.
    pub fn progress(&self, step: u32, total: u32) {
        let percent = u64::from(step) * 100 / u64::from(total.max(1));
        self.inner.percent.store(u32::try_from(percent).unwrap_or(100).min(100), Ordering::Relaxed);
    }

    /// The share of the work that is done, 0 to 100.
    pub fn percent(&self) -> u32 {
        self.inner.percent.load(Ordering::Relaxed)
    }

    /// Asks the engine to stop: what it renders is not wanted any more.
    pub fn stop(&self) {
        self.inner.stopped.store(true, Ordering::Release);
    }

    /// Asks the engine to stop here. What goes on elsewhere and is noted may go on: whoever has the job next takes it up again.
    pub fn leave(&self) {
        self.inner.left.store(true, Ordering::Release);
        self.stop();
    }

    /// Whether the engine was asked to stop.
    pub fn stopped(&self) -> bool {
        self.inner.stopped.load(Ordering::Acquire)
    }

    /// Whether what goes on elsewhere shall go on: this process ends, the job does not, and the ledger knows the place.
    pub fn leaves_it_running(&self) -> bool {
        self.inner.left.load(Ordering::Acquire) && !self.place().is_unnoted
    }

    /// Where the render goes on outside of this process.
    pub fn remote(&self) -> Option<Remote> {
        self.place().remote.clone()
    }

    /// Says where the render goes on from now on, or that it does so nowhere any more. The ledger gets to know it at once.
    pub fn set_remote(&self, remote: Option<Remote>) {
        *self.place() = Place { remote, is_unnoted: true };
        self.inner.moved.notify_one();
    }

    /// Comes back when the engine may have said where the render goes on.
    pub(crate) async fn moved(&self) {
        self.inner.moved.notified().await;
    }

    /// What the ledger does not know yet of where the render goes on.
    pub(crate) fn unnoted(&self) -> Option<Option<Remote>> {
        let place = self.place();
        place.is_unnoted.then(|| place.remote.clone())
    }

    /// The ledger knows this of where the render goes on.
    pub(crate) fn noted(&self, remote: &Option<Remote>) {
        let mut place = self.place();
        place.is_unnoted = place.remote != *remote;
    }

    fn place(&self) -> MutexGuard<'_, Place> {
        self.inner.place.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_goes_on_elsewhere_is_left_running_only_if_the_ledger_knows_where() {
        let somewhere = Some(Remote { server: "http://gpu".to_owned(), id: "1".to_owned() });
        let watch = Watch::default();
        assert_eq!(watch.unnoted(), None);
        watch.set_remote(somewhere.clone());
        watch.leave();
        assert!(watch.stopped() && !watch.leaves_it_running());
        watch.noted(&None);
        assert_eq!(watch.unnoted(), Some(somewhere.clone()), "that was the place before");
        watch.noted(&somewhere);
        assert!(watch.leaves_it_running() && watch.unnoted().is_none());

        let cancelled = Watch::resuming(somewhere.clone());
        cancelled.stop();
        assert_eq!(cancelled.remote(), somewhere);
        assert!(!cancelled.leaves_it_running());
    }
}
