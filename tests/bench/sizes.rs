//! How much is measured.

use std::time::Duration;

/// How much is measured.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct Sizes {
    /// Take a few seconds in all: shows that measuring works, not what there is to measure
    #[arg(long)]
    pub(crate) small: bool,
    /// Leave out what needs Node: graphile-worker and the footprint
    #[arg(long)]
    pub(crate) no_node: bool,
    /// Finished jobs behind a short queue
    #[arg(long, default_value_t = 10_000_000)]
    finished_rows: i64,
    /// Jobs that go through the table before its size is taken
    #[arg(long, default_value_t = 1_000_000)]
    bloat_jobs: i64,
}

impl Sizes {
    /// `full`, or `small` with `--small`.
    pub(crate) fn pick<T>(&self, full: T, small: T) -> T {
        if self.small { small } else { full }
    }

    /// How often each pair of reference and measurement is taken.
    pub(crate) fn rounds(&self) -> usize {
        self.pick(5, 1)
    }

    /// How long one load runs.
    pub(crate) fn window(&self) -> Duration {
        Duration::from_secs(self.pick(5, 1))
    }

    /// Finished jobs behind a short queue.
    pub(crate) fn finished_rows(&self) -> i64 {
        self.pick(self.finished_rows, 2_000)
    }

    /// Jobs that go through the table before its size is taken.
    pub(crate) fn bloat_jobs(&self) -> i64 {
        self.pick(self.bloat_jobs, 150)
    }
}
