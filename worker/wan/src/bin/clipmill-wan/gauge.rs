//! How much memory of the machine a render takes.

use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::thread::{self, JoinHandle};
use std::time::Duration;

const PERIOD: Duration = Duration::from_millis(10);

/// Looks again and again at what this process holds, until it is asked for the most that it saw.
pub(crate) struct Gauge {
    stop: Sender<()>,
    watch: JoinHandle<Option<u64>>,
}

impl Gauge {
    pub(crate) fn start() -> Self {
        let (stop, stopped) = mpsc::channel();
        let watch = thread::spawn(move || {
            let mut peak = own_bytes();
            while stopped.recv_timeout(PERIOD) == Err(RecvTimeoutError::Timeout) {
                peak = peak.max(own_bytes());
            }
            peak
        });
        Self { stop, watch }
    }

    /// In bytes; none where Linux does not say.
    pub(crate) fn peak(self) -> Option<u64> {
        drop(self.stop);
        self.watch.join().ok().flatten()
    }
}

/// Without the pages of mapped files, which Linux takes back when it needs them.
fn own_bytes() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("RssAnon:"))?;
    line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok().map(|kib| kib << 10)
}
