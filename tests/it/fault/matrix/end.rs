//! How a job may end after a fault.

/// How a job has to end.
#[derive(Debug, Clone, Copy)]
pub(super) struct End {
    /// The state that it has to end in.
    pub(super) status: &'static str,
    /// The attempt that decided it, of those that count.
    pub(super) attempt: i32,
    /// Whether attempts before it must not have counted.
    pub(super) is_released: bool,
    /// Why it failed, if it has to.
    pub(super) code: Option<&'static str>,
    /// How often the customer's endpoint has to have been told of the end at least, always under one id.
    pub(super) told: usize,
}

impl End {
    /// There is a video, made by this attempt.
    pub(super) const fn completed(attempt: i32) -> Self {
        Self { status: "completed", attempt, is_released: false, code: None, told: 1 }
    }

    /// There is a video, made by the first attempt that was not given back as good as new.
    pub(super) const fn completed_elsewhere() -> Self {
        Self { is_released: true, ..Self::completed(1) }
    }

    /// There is a video, and the endpoint had to be told again.
    pub(super) const fn told_again() -> Self {
        Self { told: 2, ..Self::completed(1) }
    }

    /// There was a video.
    pub(super) const fn expired() -> Self {
        Self { status: "expired", ..Self::completed(1) }
    }

    /// There will be no video, for this reason.
    pub(super) const fn failed(code: &'static str) -> Self {
        Self { status: "failed", code: Some(code), ..Self::completed(1) }
    }
}
