//! The states of a job, spelled the same in Postgres, Rust, JSON, URLs and logs.

use std::fmt;
use std::str::FromStr;

use serde::Serialize;

/// Where a job stands.
///
/// `queued` → `in_progress` → `completed` → `expired`; `in_progress` may go back to `queued`; both may end as
/// `cancelled`, and `in_progress` as `failed`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, sqlx::Type)]
#[serde(rename_all = "snake_case")]
#[sqlx(type_name = "job_status", rename_all = "snake_case")]
pub enum JobStatus {
    /// Waits for a worker.
    Queued,
    /// A worker holds a lease on it.
    InProgress,
    /// The video is there.
    Completed,
    /// There will be no video.
    Failed,
    /// The customer called it off.
    Cancelled,
    /// The video was there and is gone.
    Expired,
}

impl JobStatus {
    /// Every state.
    pub const ALL: [JobStatus; 6] =
        [Self::Queued, Self::InProgress, Self::Completed, Self::Failed, Self::Cancelled, Self::Expired];

    /// The name on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            JobStatus::Queued => "queued",
            JobStatus::InProgress => "in_progress",
            JobStatus::Completed => "completed",
            JobStatus::Failed => "failed",
            JobStatus::Cancelled => "cancelled",
            JobStatus::Expired => "expired",
        }
    }

    /// Whether no worker will touch the job any more.
    pub fn is_terminal(self) -> bool {
        !matches!(self, JobStatus::Queued | JobStatus::InProgress)
    }
}

impl fmt::Display for JobStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for JobStatus {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        Self::ALL.into_iter().find(|status| status.as_str() == text).ok_or(())
    }
}
