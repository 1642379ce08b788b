//! The bar that shows how a video comes along.

use std::time::Duration;

use indicatif::{HumanDuration, MultiProgress, ProgressBar, ProgressStyle};

use super::video::Video;

const JOB: &str = "{spinner} {msg} [{bar:30}] {percent}% {elapsed}";
const DOWNLOAD: &str = "{spinner} {msg} [{bar:30}] {bytes} of {total_bytes} {bytes_per_sec}";

/// A bar on a terminal's standard error; nothing where there is no terminal.
#[derive(Debug)]
pub(crate) struct Progress {
    bar: ProgressBar,
}

impl Progress {
    /// A bar, unless `quiet`.
    pub(super) fn new(quiet: bool) -> Self {
        Self::around(if quiet { ProgressBar::hidden() } else { ProgressBar::new(100) })
    }

    /// A bar below those that `group` has already.
    pub(crate) fn below(group: &MultiProgress) -> Self {
        Self::around(group.add(ProgressBar::new(100)))
    }

    fn around(bar: ProgressBar) -> Self {
        bar.set_style(style(JOB));
        bar.enable_steady_tick(Duration::from_millis(100));
        Self { bar }
    }

    /// Shows how the job stands.
    pub(crate) fn show(&self, video: &Video) {
        self.bar.set_message(describe(video));
        self.bar.set_position(video.progress.into());
    }

    /// Starts over for a download of so many bytes.
    pub(super) fn begin_download(&self, size_bytes: u64) {
        self.bar.reset();
        self.bar.set_length(size_bytes);
        self.bar.set_style(style(DOWNLOAD));
        self.bar.set_message("downloading");
    }

    /// Shows how many bytes are there.
    pub(super) fn received(&self, size_bytes: u64) {
        self.bar.set_position(size_bytes);
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}

/// How a job stands, in a few words.
pub(super) fn describe(video: &Video) -> String {
    let state = match (video.status.as_str(), video.queue_position) {
        ("queued", Some(0)) => "queued, next".to_owned(),
        ("queued", Some(ahead)) => {
            format!("queued, {}{ahead} ahead", if video.queue_position_is_estimate { "about " } else { "" })
        }
        ("in_progress", _) => "rendering".to_owned(),
        (status, _) => status.to_owned(),
    };
    let attempt = (video.is_going() && video.attempt > 1).then(|| format!(", attempt {}", video.attempt));
    let eta = video.eta_seconds.map(|seconds| format!(", {} to go", HumanDuration(Duration::from_secs(seconds))));
    format!("{state}{}{}", attempt.unwrap_or_default(), eta.unwrap_or_default())
}

/// A template that is wrong would show itself in every run; the plain bar is good enough then.
fn style(template: &str) -> ProgressStyle {
    let plain = ProgressStyle::default_bar();
    plain.clone().template(template).unwrap_or(plain).progress_chars("=> ")
}
