//! Events: what the customer is told, in the envelope of OpenAI's webhooks.

use std::fmt;
use std::str::FromStr;

use chrono::{DateTime, Utc};
use serde_json::{Value, json};

use crate::id::{EventId, JobId};

/// What can happen to a job that its customer wants to know.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EventKind {
    /// The video is there.
    Completed,
    /// There will be no video.
    Failed,
    /// The customer called it off.
    Cancelled,
    /// The video was there and is gone.
    Expired,
}

impl EventKind {
    /// Every kind.
    pub const ALL: [EventKind; 4] = [Self::Completed, Self::Failed, Self::Cancelled, Self::Expired];

    /// The `type` on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            EventKind::Completed => "video.completed",
            EventKind::Failed => "video.failed",
            EventKind::Cancelled => "video.cancelled",
            EventKind::Expired => "video.expired",
        }
    }
}

impl fmt::Display for EventKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for EventKind {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == text).ok_or(())
    }
}

/// The body of a webhook: who asks for more fetches the video by its id.
pub fn body(event: EventId, kind: &str, job: JobId, created_at: DateTime<Utc>) -> Value {
    json!({
        "id": event,
        "object": "event",
        "created_at": created_at.timestamp(),
        "type": kind,
        "data": { "id": job },
    })
}
