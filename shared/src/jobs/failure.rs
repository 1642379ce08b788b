//! Why a job has no video.

/// Why a job has no video, in words that the customer may read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// A stable word for programs.
    pub code: &'static str,
    /// A sentence for people.
    pub message: String,
}

/// Every code with which a job can fail, and what it means.
pub const CODES: [(&str, &str); 16] = [
    ("deadline_exceeded", "The video was not finished within its `timeout_seconds`."),
    ("worker_lost", "The worker was lost while it rendered, on every attempt."),
    ("render_failed", "The renderer failed, on every attempt."),
    ("render_timeout", "The video took longer than an attempt may, on every attempt."),
    ("rejected_by_engine", "The renderer cannot make this video; the message says why."),
    ("source_missing", "A source image is gone."),
    ("source_damaged", "A source image cannot be decoded."),
    ("storage_failed", "A source image could not be read, on every attempt."),
    ("postprocess_failed", "The video could not be encoded, on every attempt."),
    ("upload_failed", "The video could not be stored, on every attempt."),
    ("input_moderated", "The prompt or an image is not allowed by the model that renders. Nothing is charged."),
    ("output_moderated", "The finished video is not allowed here. It was not stored, and nothing is charged."),
    (
        "moderation_unavailable",
        "Nobody could judge whether the finished video is allowed here, on every attempt. It was not stored.",
    ),
    (
        "destination_refused",
        "The customer's own bucket, or the address of `output.upload_url`, refused the finished files.",
    ),
    ("delivery_failed", "The customer's own bucket could not be reached or failed, on every attempt."),
    ("internal_error", "Something went wrong on our side, on every attempt."),
];
