//! Events: what the customer is told, in the envelope of OpenAI's webhooks.

use std::fmt;
use std::str::FromStr;

use chrono::{DateTime, Utc};
use serde_json::{Value, json};

use crate::id::{EndpointId, EventId, JobId};
use crate::jobs::Delivery;

/// What can happen that a customer wants to know.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EventKind {
    /// Its first rendering has begun. Told in the callbacks of the MiniMax API alone.
    InProgress,
    /// The video is there.
    Completed,
    /// There will be no video.
    Failed,
    /// The customer called it off.
    Cancelled,
    /// The video will go soon.
    Expiring,
    /// The video was there and is gone.
    Expired,
    /// A webhook endpoint of the account is told nothing more.
    EndpointDisabled,
}

impl EventKind {
    /// Every kind.
    pub const ALL: [EventKind; 7] = [
        Self::InProgress,
        Self::Completed,
        Self::Failed,
        Self::Cancelled,
        Self::Expiring,
        Self::Expired,
        Self::EndpointDisabled,
    ];
    /// Those that webhook endpoints can take.
    pub const OF_ENDPOINTS: [EventKind; 6] =
        [Self::Completed, Self::Failed, Self::Cancelled, Self::Expiring, Self::Expired, Self::EndpointDisabled];

    /// The `type` on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            EventKind::InProgress => "video.in_progress",
            EventKind::Completed => "video.completed",
            EventKind::Failed => "video.failed",
            EventKind::Cancelled => "video.cancelled",
            EventKind::Expiring => "video.expiring",
            EventKind::Expired => "video.expired",
            EventKind::EndpointDisabled => "webhook_endpoint.disabled",
        }
    }

    /// Something that an event of this kind could be about: it has the form, and names nothing.
    pub fn sample(self) -> Subject {
        match self {
            EventKind::EndpointDisabled => Subject::Endpoint(EndpointId::new()),
            _ => Subject::Job(JobId::new()),
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

/// What an event is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Subject {
    /// A job.
    Job(JobId),
    /// A webhook endpoint.
    Endpoint(EndpointId),
}

impl Subject {
    /// The one of the two that an event's row has.
    pub(crate) fn of(job: Option<JobId>, endpoint: Option<EndpointId>) -> Option<Self> {
        job.map(Self::Job).or(endpoint.map(Self::Endpoint))
    }
}

impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Subject::Job(id) => id.fmt(f),
            Subject::Endpoint(id) => id.fmt(f),
        }
    }
}

/// The body of a webhook: who asks for more fetches the subject by its id.
pub fn body(event: EventId, kind: &str, subject: Option<Subject>, created_at: DateTime<Utc>) -> Value {
    json!({
        "id": event,
        "object": "event",
        "created_at": created_at.timestamp(),
        "type": kind,
        "data": { "id": subject.map(|subject| subject.to_string()) },
    })
}

/// The same body, of a video that was delivered, with where and when.
pub(super) fn delivered(mut body: Value, delivery: &Delivery, at: DateTime<Utc>) -> Value {
    body["data"]["delivered"] =
        json!({ "destination": delivery.destination, "upload_host": delivery.upload_host, "at": at.timestamp() });
    body
}
