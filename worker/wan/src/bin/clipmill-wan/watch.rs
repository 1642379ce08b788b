//! Shows how far a render is, and remembers when each stage began and ended.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use clipmill_wan::{Stage, Watch};
use indicatif::{ProgressBar, ProgressStyle};

/// A progress bar for the stage at work, and a clock for all of them.
pub(crate) struct Clock {
    bar: ProgressBar,
    seen: Mutex<Vec<(Stage, Instant, Instant)>>,
}

impl Clock {
    pub(crate) fn new() -> Self {
        let bar = ProgressBar::new(0);
        let style = ProgressStyle::with_template("{msg:>8} {wide_bar} {pos}/{len} [{elapsed}]");
        bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
        Self { bar, seen: Mutex::default() }
    }

    /// From the first word of a stage to the last.
    pub(crate) fn spent(&self, stage: Stage) -> Duration {
        let seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        seen.iter().filter(|(at, ..)| *at == stage).map(|(_, from, to)| *to - *from).sum()
    }

    pub(crate) fn finish(&self) {
        self.bar.finish_and_clear();
    }
}

impl Watch for Clock {
    fn progress(&self, stage: Stage, done: usize, total: usize) {
        self.bar.set_message(format!("{stage:?}"));
        self.bar.set_length(total as u64);
        self.bar.set_position(done as u64);
        let (mut seen, now) = (self.seen.lock().unwrap_or_else(PoisonError::into_inner), Instant::now());
        match seen.last_mut() {
            // A stage that starts anew is another stretch of it.
            Some((at, _, to)) if *at == stage && done > 0 => *to = now,
            _ => seen.push((stage, now, now)),
        }
    }
}
