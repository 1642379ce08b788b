//! A video as clients see it: OpenAI's object and ours beyond it.

use chrono::{DateTime, Utc};
use clipmill_shared::id::JobId;
use clipmill_shared::jobs::outlook::Expectation;
use clipmill_shared::jobs::{Fit, Job, JobStatus, Mode, Output};
use serde::Serialize;
use serde_json::{Map, Value};
use tracing::warn;
use utoipa::ToSchema;

use crate::app::App;
use crate::output::OutputOptionsView;
use crate::watermark::view::WatermarkView;

/// A video job.
#[derive(Debug, Serialize, ToSchema)]
#[schema(title = "Video")]
pub(crate) struct VideoView {
    /// Names the video
    #[schema(value_type = String, example = "video_01934b6c2a7e7c3e9b1f0a2d4c6e8f10")]
    id: JobId,
    /// Always `video`
    #[schema(example = "video")]
    object: &'static str,
    /// The model as it was asked for
    #[schema(example = "fast")]
    model: String,
    /// `queued`, `in_progress`, `completed`, `failed`, `cancelled` or `expired`
    #[schema(value_type = String, example = "completed")]
    status: JobStatus,
    /// Per cent of the current attempt
    progress: i16,
    /// Unix seconds
    created_at: i64,
    /// Unix seconds at which the video was finished
    completed_at: Option<i64>,
    /// Unix seconds at which the files go; null while they are pinned, and where they are not kept here
    expires_at: Option<i64>,
    /// What the video shall show
    prompt: String,
    /// `WIDTHxHEIGHT` that is drawn
    #[schema(example = "1280x720")]
    size: String,
    /// Length as a text of digits
    #[schema(example = "4")]
    seconds: String,
    /// The video whose seed and inputs it took over, if it is a remix
    #[schema(value_type = Option<String>)]
    remixed_from_video_id: Option<JobId>,
    /// Why there is no video, if there will be none
    error: Option<FailureView>,
    /// `fast` or `pro`
    #[schema(example = "fast")]
    tier: &'static str,
    /// `text_to_video` or `image_to_video`
    #[schema(value_type = String, example = "text_to_video")]
    mode: Mode,
    /// What is drawn, when that is not the prompt as it was sent
    revised_prompt: Option<String>,
    /// The preset that the prompt was put into
    style: Option<String>,
    /// The camera moves that were added to the prompt, in brackets
    camera: Option<String>,
    /// What the video shall not show
    negative_prompt: Option<String>,
    /// Frames per second that are drawn
    fps: i32,
    /// Gives the same video again
    seed: i64,
    /// What is done with source images of other proportions, if there are any: `crop`, `pad`, `stretch` or `reject`
    #[schema(value_type = Option<String>, example = "crop")]
    fit: Option<Fit>,
    /// The visible mark that the video carries, if it carries one
    watermark: Option<WatermarkView>,
    /// The customer's own notes
    #[schema(value_type = Object)]
    metadata: Map<String, Value>,
    /// Who is told when the job ends
    webhook_url: Option<String>,
    /// How long the files are kept, in seconds from their completion
    retention_seconds: i32,
    /// Whether the files stay until they are unpinned, whatever `retention_seconds` says; `expires_at` is null then
    pinned: bool,
    /// How many jobs are ahead while it is queued
    queue_position: Option<u64>,
    /// Whether that is an estimate, as it is beyond 1000
    queue_position_is_estimate: bool,
    /// Seconds until it will be completed, from recent render times and the workers that live; null when unknown
    eta_seconds: Option<u64>,
    /// Which of the account's jobs of the tier goes first: the higher
    priority: i16,
    /// How long it may wait and run, if that is bounded
    timeout_seconds: Option<i32>,
    /// Unix seconds at which that time is over
    deadline_at: Option<i64>,
    /// Unix seconds before which it does not run, if it is scheduled
    run_after: Option<i64>,
    /// Unix seconds at which it was first taken up
    started_at: Option<i64>,
    /// Unix seconds at which it was called off
    cancelled_at: Option<i64>,
    /// Which try this is, from 1; 0 before the first
    attempt: i32,
    /// What the finished file shall be like, or is
    output: OutputOptionsView,
    /// Where the finished files go besides this service's own store, or in its place; null if nowhere
    delivery: Option<VideoDeliveryView>,
    /// The finished files while they exist
    outputs: Vec<OutputView>,
    /// What counts for it in `/v1/usage`; null unless there is a video
    usage: Option<UsageView>,
    /// Credits that are reserved for it, or were charged or given back; null unless the account is metered
    credits: Option<i64>,
    /// Whether it is to be paid for; null until it has ended
    billable: Option<bool>,
    /// Why not: `moderated`, `failed`, `cancelled` or `cancelled_before_start`
    #[schema(value_type = Option<String>)]
    not_billable_because: Option<&'static str>,
}

/// What a video counts for.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct UsageView {
    /// Seconds of video
    seconds: i32,
    /// Millions of pixels shown, times seconds
    #[schema(example = 3.6864)]
    billable_units: f64,
}

/// Where the finished files go.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct VideoDeliveryView {
    /// The name of the account's destination, if they go to one
    #[schema(example = "studio")]
    destination: Option<String>,
    /// The host of the address that the video is put to, if it is put to one
    upload_host: Option<String>,
    /// Whether they stay here too
    keep: bool,
    /// Unix seconds at which they had arrived there
    delivered_at: Option<i64>,
}

/// Why there is no video.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct FailureView {
    /// A stable word for programs
    #[schema(example = "worker_lost")]
    code: String,
    /// A sentence for people
    message: String,
}

/// One finished file.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct OutputView {
    /// `video`, `thumbnail`, `spritesheet`, `spritesheet_vtt` or `preview`
    #[schema(value_type = String, example = "video")]
    variant: clipmill_shared::storage::key::Variant,
    /// Media type
    #[schema(example = "video/mp4")]
    content_type: String,
    /// Bytes
    size_bytes: u64,
    /// SHA-256 in hexadecimal
    sha256: String,
    /// Pixels
    width: u32,
    /// Pixels
    height: u32,
    /// Where to get it, below the address of this service; null if it is not kept here
    url: Option<String>,
    /// Where it was delivered to, if it was: `s3://bucket/key`, or the host alone of an `upload_url`
    #[schema(example = "s3://studio-videos/clipmill/video_01934b6c2a7e7c3e9b1f0a2d4c6e8f10/video.mp4")]
    delivered_to: Option<String>,
}

impl VideoView {
    /// A job and what may be expected of it. When that cannot be told at the moment, the job is shown without.
    pub(crate) async fn new(app: &App, job: Job) -> Self {
        let expected = app.outlook.of(&job).await.unwrap_or_else(|error| {
            warn!(%error, "Could not tell what may be expected of a job");
            Expectation::default()
        });
        Self::of(job, expected)
    }

    /// Its place in the queue, if it has one.
    pub(super) fn queue_position(&self) -> Option<u64> {
        self.queue_position
    }

    fn of(job: Job, expected: Expectation) -> Self {
        let finished_as = |status: JobStatus| (job.status == status).then_some(job.finished_at).flatten();
        let completed_at = finished_as(JobStatus::Completed).or(finished_as(JobStatus::Expired));
        let outputs = job.outputs.as_ref().map_or(&[][..], |outputs| &outputs.0);
        let not_billable_because = not_billable_because(&job);
        Self {
            object: "video",
            completed_at: unix(completed_at),
            cancelled_at: unix(finished_as(JobStatus::Cancelled)),
            size: job.size().to_string(),
            seconds: job.seconds.to_string(),
            remixed_from_video_id: job.remixed_from,
            error: job
                .error_code
                .clone()
                .zip(job.error_message.clone())
                .map(|(code, message)| FailureView { code, message }),
            tier: job.tier.as_str(),
            fit: (job.mode == Mode::ImageToVideo).then_some(job.fit),
            metadata: job.metadata(),
            watermark: job.watermark.clone().map(|mark| mark.0.into()),
            outputs: outputs.iter().map(|output| OutputView::new(&job, output)).collect(),
            output: OutputOptionsView::of(&job),
            expires_at: unix(job.expires_at.filter(|_| job.keeps_files())),
            delivery: VideoDeliveryView::of(&job),
            usage: completed_at.map(|_| UsageView { seconds: job.seconds, billable_units: job.cost() }),
            billable: job.status.is_terminal().then_some(not_billable_because.is_none()),
            not_billable_because,
            style: job.style,
            camera: job.camera,
            revised_prompt: job.revised_prompt,
            id: job.id,
            model: job.model,
            status: job.status,
            progress: job.progress,
            created_at: job.created_at.timestamp(),
            prompt: job.prompt,
            mode: job.mode,
            negative_prompt: job.negative_prompt,
            fps: job.fps,
            seed: job.seed,
            credits: job.credits,
            webhook_url: job.webhook_url,
            retention_seconds: job.retention_seconds,
            pinned: job.pinned,
            queue_position: expected.position,
            queue_position_is_estimate: expected.is_estimate,
            eta_seconds: expected.eta_seconds,
            priority: job.priority,
            timeout_seconds: job.timeout_seconds,
            deadline_at: unix(job.deadline_at),
            run_after: job.virtual_start.is_infinite().then(|| job.run_at.timestamp()),
            started_at: unix(job.started_at),
            attempt: job.attempt,
        }
    }
}

/// Why there is nothing to pay for a job that has ended.
fn not_billable_because(job: &Job) -> Option<&'static str> {
    match (job.status, job.error_code.as_deref()) {
        (JobStatus::Failed, Some("input_moderated" | "output_moderated")) => Some("moderated"),
        (JobStatus::Failed, _) => Some("failed"),
        (JobStatus::Cancelled, _) if job.started_at.is_none() => Some("cancelled_before_start"),
        (JobStatus::Cancelled, _) => Some("cancelled"),
        (JobStatus::Queued | JobStatus::InProgress | JobStatus::Completed | JobStatus::Expired, _) => None,
    }
}

impl VideoDeliveryView {
    fn of(job: &Job) -> Option<Self> {
        job.delivery.as_ref().map(|delivery| Self {
            destination: delivery.destination.clone(),
            upload_host: delivery.upload_host.clone(),
            keep: delivery.keep,
            delivered_at: unix(job.delivered_at),
        })
    }
}

impl OutputView {
    fn new(job: &Job, output: &Output) -> Self {
        Self {
            variant: output.variant,
            content_type: output.content_type.clone(),
            size_bytes: output.size_bytes,
            sha256: output.sha256.clone(),
            width: output.width,
            height: output.height,
            url: job.keeps_files().then(|| format!("/v1/videos/{}/content?variant={}", job.id, output.variant)),
            delivered_to: output.delivered_to.clone(),
        }
    }
}

fn unix(moment: Option<DateTime<Utc>>) -> Option<i64> {
    moment.map(|moment| moment.timestamp())
}
