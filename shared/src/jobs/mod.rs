//! The ledger: one row of `jobs` is the truth of a job, and these are the only ways in which it changes.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::id::{AccountId, DestinationId, JobId};
use crate::storage::key::{self, Variant};
use crate::tier::{Size, Tier};
use crate::vault::Sealed;

pub mod cancel;
mod complete;
pub mod delete;
pub mod delivery;
pub mod failure;
mod fit;
mod halt;
pub mod lease;
pub mod line;
pub mod options;
pub mod outlook;
pub mod read;
mod remote;
pub mod removal;
pub mod retention;
pub mod retry;
pub mod spec;
pub mod status;
pub mod submit;
pub mod sweep;
pub mod watch;
pub mod watermark;

pub use delivery::Delivery;
pub use failure::Failure;
pub use fit::Fit;
pub use options::OutputOptions;
pub use remote::Remote;
pub use status::JobStatus;
pub use watermark::Watermark;

/// What a job starts from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, sqlx::Type)]
#[serde(rename_all = "snake_case")]
#[sqlx(type_name = "job_mode", rename_all = "snake_case")]
pub enum Mode {
    /// A prompt alone.
    TextToVideo,
    /// A prompt and one or two images.
    ImageToVideo,
}

/// A row of the ledger.
#[derive(Debug, Clone)]
pub struct Job {
    /// Names the job.
    pub id: JobId,
    /// Whom it belongs to.
    pub account_id: AccountId,
    /// Where it stands.
    pub status: JobStatus,
    /// What the customer pays for.
    pub tier: Tier,
    /// What it starts from.
    pub mode: Mode,
    /// The model as the customer named it.
    pub model: String,
    /// What the video shall show.
    pub prompt: String,
    /// What it shall not show.
    pub negative_prompt: Option<String>,
    /// Width in pixels.
    pub width: i32,
    /// Height in pixels.
    pub height: i32,
    /// Length in seconds.
    pub seconds: i32,
    /// Frames per second.
    pub fps: i32,
    /// The seed, given or drawn.
    pub seed: i64,
    /// File name of the first source image, below the job's source prefix.
    pub first_frame: Option<String>,
    /// File name of the last source image.
    pub last_frame: Option<String>,
    /// What is done with source images of another shape.
    pub fit: Fit,
    /// The customer's own notes.
    pub metadata: Value,
    /// Whom to tell when the job ends.
    pub webhook_url: Option<String>,
    /// How long the finished media are kept.
    pub retention_seconds: i32,
    /// SHA-256 of the wish, by which a repeated submit is known.
    pub fingerprint: Vec<u8>,
    /// Which try this is, from 1; 0 before the first.
    pub attempt: i32,
    /// How many tries were given back and do not count.
    pub released: i32,
    /// How many tries may count.
    pub max_attempts: i32,
    /// How far the current try is, 0 to 100.
    pub progress: i16,
    /// Which of the account's jobs of a tier goes first: the higher, from -10 to 10.
    pub priority: i16,
    /// Its place in the fair queue, in virtual time; infinite while it must not run yet.
    pub virtual_start: f64,
    /// Not before this moment.
    pub run_at: DateTime<Utc>,
    /// How long it may take from its first possible start to its end, if that is bounded.
    pub timeout_seconds: Option<i32>,
    /// When that time is over.
    pub deadline_at: Option<DateTime<Utc>>,
    /// When it was submitted.
    pub created_at: DateTime<Utc>,
    /// When it was first taken up.
    pub started_at: Option<DateTime<Utc>>,
    /// When it ended, in whichever way.
    pub finished_at: Option<DateTime<Utc>>,
    /// When the media go, or went.
    pub expires_at: Option<DateTime<Utc>>,
    /// Whether the media stay until the customer lets them go.
    pub pinned: bool,
    /// What was chosen of the finished file.
    pub output_options: sqlx::types::Json<OutputOptions>,
    /// Where the finished files go besides our own store, or in its place.
    pub delivery: Option<sqlx::types::Json<Delivery>>,
    /// The account's destination that they go to, until the job has ended.
    pub destination_id: Option<DestinationId>,
    /// The address that the video is put to, until the job has ended.
    pub upload_url: Option<Sealed>,
    /// When they had arrived there.
    pub delivered_at: Option<DateTime<Utc>>,
    /// The finished files, while they exist.
    pub outputs: Option<sqlx::types::Json<Vec<Output>>>,
    /// Why it failed, as a stable word.
    pub error_code: Option<String>,
    /// Why it failed, for people.
    pub error_message: Option<String>,
    /// Its name for clients whose ids are numbers, if it was submitted by one.
    pub number: Option<i64>,
    /// The video whose seed and inputs it took over.
    pub remixed_from: Option<JobId>,
    /// The preset that the prompt was put into.
    pub style: Option<String>,
    /// The camera moves that were added to the prompt, in brackets.
    pub camera: Option<String>,
    /// What is drawn, when that is not the prompt as it was sent.
    pub revised_prompt: Option<String>,
    /// What it costs, or would have cost, if its account is metered.
    pub credits: Option<i64>,
    /// Since when the customer's words are gone from it.
    pub scrubbed_at: Option<DateTime<Utc>>,
    /// In which words its customer is told.
    pub webhook_format: WebhookFormat,
    /// The visible mark that the video carries, as it was when the job was submitted.
    pub watermark: Option<sqlx::types::Json<Watermark>>,
    /// Where its render goes on, if that is not in the worker itself. Empty once it has ended.
    pub remote: Option<sqlx::types::Json<Remote>>,
}

/// In which words the customer of a job is told of it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, sqlx::Type)]
#[serde(rename_all = "snake_case")]
#[sqlx(type_name = "webhook_format", rename_all = "snake_case")]
pub enum WebhookFormat {
    /// Events in the envelope of Standard Webhooks and OpenAI.
    #[default]
    Standard,
    /// Callbacks of the MiniMax API.
    Minimax,
}

/// One finished file of a job.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Output {
    /// Which file.
    pub variant: Variant,
    /// Its name below the attempt's prefix.
    pub file_name: String,
    /// Its media type.
    pub content_type: String,
    /// Its size in bytes.
    pub size_bytes: u64,
    /// Its SHA-256 in hexadecimal.
    pub sha256: String,
    /// Width of its picture in pixels.
    pub width: u32,
    /// Height of its picture in pixels.
    pub height: u32,
    /// Where it was delivered to, if it was: `s3://bucket/key`, or the host of an address that is not told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub delivered_to: Option<String>,
}

impl Job {
    /// Width and height.
    pub fn size(&self) -> Size {
        Size { width: self.width.unsigned_abs(), height: self.height.unsigned_abs() }
    }

    /// How many frames the video has, exactly.
    pub fn frames(&self) -> u32 {
        self.seconds.unsigned_abs() * self.fps.unsigned_abs()
    }

    /// How many frames are drawn for it: those of a loop's seam are blended into others.
    pub fn drawn_frames(&self) -> u32 {
        self.frames() + self.output_options.overlap_frames(self.fps.unsigned_abs())
    }

    /// The customer's own notes as pairs.
    pub fn metadata(&self) -> Map<String, Value> {
        self.metadata.as_object().cloned().unwrap_or_default()
    }

    /// The finished file of this variant and its key in the store.
    pub fn output(&self, variant: Variant) -> Option<(&Output, String)> {
        let output = self.outputs.as_ref()?.iter().find(|output| output.variant == variant)?;
        Some((output, format!("{}{}", self.attempt_prefix(), output.file_name)))
    }

    /// What it costs in fair queuing and in rendering time: pixels shown times seconds, in millions.
    pub fn cost(&self) -> f64 {
        cost(self.size(), self.seconds)
    }

    /// What all objects of the current attempt start with.
    pub fn attempt_prefix(&self) -> String {
        key::attempt_prefix(self.account_id, self.id, self.attempt)
    }

    /// What the engine is to draw.
    pub fn drawn_prompt(&self) -> &str {
        self.revised_prompt.as_deref().unwrap_or(&self.prompt)
    }

    /// Whether the finished files stay with us.
    pub fn keeps_files(&self) -> bool {
        self.delivery.as_ref().is_none_or(|delivery| delivery.keep)
    }

    /// Whether images lie in the store that it is made of: those that it starts from, or that of its mark.
    pub fn has_sources(&self) -> bool {
        self.first_frame.is_some() || self.last_frame.is_some() || self.mark_file().is_some()
    }

    /// File name of its mark's PNG, below the job's source prefix.
    pub fn mark_file(&self) -> Option<&'static str> {
        self.watermark.as_ref().is_some_and(|mark| mark.is_image()).then_some(watermark::FILE_NAME)
    }

    /// Whether one more try may be counted.
    pub fn may_retry(&self) -> bool {
        self.attempt - self.released < self.max_attempts
    }
}

pub(crate) fn cost(size: Size, seconds: i32) -> f64 {
    f64::from(size.area_px()) * f64::from(seconds) / 1e6
}

/// A statement that returns whole jobs: the text before the columns, the text after them, the arguments.
macro_rules! job_query {
    ($before:literal, $after:literal $(, $argument:expr)* $(,)?) => {
        sqlx::query_as!(
            $crate::jobs::Job,
            $before + r#"
            id as "id: crate::id::JobId", account_id as "account_id: crate::id::AccountId",
            status as "status: crate::jobs::JobStatus", tier as "tier: crate::tier::Tier", mode as "mode: crate::jobs::Mode",
            model, prompt, negative_prompt, width, height, seconds, fps, seed, first_frame, last_frame,
            fit as "fit: crate::jobs::Fit", metadata, webhook_url, retention_seconds, fingerprint, attempt, released, max_attempts, progress,
            priority, virtual_start, run_at, timeout_seconds, deadline_at, created_at, started_at, finished_at, expires_at,
            pinned, output_options as "output_options: sqlx::types::Json<crate::jobs::OutputOptions>",
            delivery as "delivery: sqlx::types::Json<crate::jobs::Delivery>", destination_id as "destination_id: crate::id::DestinationId",
            upload_url as "upload_url: crate::vault::Sealed", delivered_at, outputs as "outputs: sqlx::types::Json<Vec<crate::jobs::Output>>", error_code, error_message,
            number, remixed_from as "remixed_from: crate::id::JobId", style, camera, revised_prompt, credits, scrubbed_at,
            webhook_format as "webhook_format: crate::jobs::WebhookFormat",
            watermark as "watermark: sqlx::types::Json<crate::jobs::Watermark>",
            remote as "remote: sqlx::types::Json<crate::jobs::Remote>"
            "# + $after
            $(, $argument)*
        )
    };
}
pub(crate) use job_query;
