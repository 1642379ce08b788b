//! What the server tells about videos.

use std::fmt;

use serde::Deserialize;
use serde_json::Value;

/// A video job as the server shows it. `Debug` shows nothing of the customer's.
#[derive(Clone, Deserialize)]
pub struct Video {
    /// Names the video.
    pub id: String,
    /// `queued`, `in_progress`, `completed`, `failed`, `cancelled` or `expired`.
    pub status: String,
    /// Per cent of the current attempt.
    #[serde(default)]
    pub progress: u8,
    /// Unix seconds.
    pub created_at: i64,
    /// What the video shall show.
    #[serde(default)]
    pub prompt: String,
    /// `WIDTHxHEIGHT`.
    pub size: String,
    /// Length, a text of digits.
    pub seconds: String,
    /// `fast` or `pro`.
    #[serde(default)]
    pub tier: String,
    /// How many jobs are ahead while it is queued.
    #[serde(default)]
    pub queue_position: Option<u64>,
    /// Whether that is an estimate.
    #[serde(default)]
    pub queue_position_is_estimate: bool,
    /// Seconds until it will be completed, as the server expects.
    #[serde(default)]
    pub eta_seconds: Option<u64>,
    /// Which try this is, from 1; 0 before the first.
    #[serde(default)]
    pub attempt: u32,
    /// Why there is no video, if there will be none.
    #[serde(default)]
    pub error: Option<Failure>,
    /// The finished files while they exist.
    #[serde(default)]
    pub outputs: Vec<Output>,
    /// The whole object as it came.
    #[serde(skip)]
    pub json: Value,
}

/// Why there is no video.
#[derive(Clone, Debug, Deserialize)]
pub struct Failure {
    /// A word for programs.
    pub code: String,
    /// A sentence for people.
    pub message: String,
}

/// One finished file.
#[derive(Clone, Debug, Deserialize)]
pub struct Output {
    /// `video`, `thumbnail`, `spritesheet`, `spritesheet_vtt` or `preview`.
    pub variant: String,
    /// Its size.
    pub size_bytes: u64,
    /// Its SHA-256 in hexadecimal digits.
    pub sha256: String,
    /// Pixels.
    pub width: u32,
    /// Pixels.
    pub height: u32,
}

/// One page of a listing.
#[derive(Clone)]
pub struct Page {
    /// The videos.
    pub videos: Vec<Video>,
    /// Whether there are more after the last one.
    pub has_more: bool,
    /// The whole object as it came.
    pub json: Value,
}

impl Video {
    /// Reads the server's object; `None` when it is none of a video.
    pub(super) fn from_json(json: Value) -> Option<Self> {
        let video = Self::deserialize(&json).ok()?;
        Some(Self { json, ..video })
    }

    /// Whether the job waits or runs.
    pub fn is_going(&self) -> bool {
        matches!(self.status.as_str(), "queued" | "in_progress")
    }

    /// The finished file of that kind.
    pub fn output(&self, variant: &str) -> Option<&Output> {
        self.outputs.iter().find(|output| output.variant == variant)
    }
}

impl Page {
    /// Reads the server's object; `None` when it is none of a listing.
    pub(super) fn from_json(json: Value) -> Option<Self> {
        let videos = json.get("data")?.as_array()?.iter().cloned().map(Video::from_json).collect::<Option<_>>()?;
        let has_more = json.get("has_more").and_then(Value::as_bool).unwrap_or(false);
        Some(Self { videos, has_more, json })
    }
}

impl fmt::Debug for Video {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Video").field("id", &self.id).field("status", &self.status).finish_non_exhaustive()
    }
}

impl fmt::Debug for Page {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Page").field("videos", &self.videos).finish_non_exhaustive()
    }
}
