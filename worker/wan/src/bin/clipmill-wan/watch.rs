//! Shows how far a render is, and remembers when each stage began and ended.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use clipmill_wan::{Stage, Watch};
use indicatif::{ProgressBar, ProgressStyle};

/// A progress bar for the stage at work, and a clock for all of them.
pub(crate) struct Clock {
    bar: ProgressBar,
    spent: Mutex<Spent>,
}

struct Spent {
    last: Instant,
    stages: Vec<(Stage, Duration)>,
}

impl Clock {
    pub(crate) fn new() -> Self {
        let bar = ProgressBar::new(0);
        let style = ProgressStyle::with_template("{msg:>8} {wide_bar} {pos}/{len} [{elapsed}]");
        bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
        Self { bar, spent: Mutex::new(Spent { last: Instant::now(), stages: Vec::new() }) }
    }

    /// What a stage took.
    pub(crate) fn spent(&self, stage: Stage) -> Duration {
        let spent = self.spent.lock().unwrap_or_else(PoisonError::into_inner);
        spent.stages.iter().filter(|(at, _)| *at == stage).map(|(_, took)| *took).sum()
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
        let (mut spent, now) = (self.spent.lock().unwrap_or_else(PoisonError::into_inner), Instant::now());
        // One stage may be interrupted by another, as when weights are read: what is done now took since the last word.
        if done > 0 {
            let took = now - spent.last;
            spent.stages.push((stage, took));
        }
        spent.last = now;
    }
}
