//! `GET /v1/query/video_generation`: how a task stands.

use axum::Json;
use axum::extract::State;
use clipmill_shared::jobs::{Job, JobStatus};
use serde::Serialize;
use utoipa::ToSchema;

use super::{Parameters, find};
use crate::app::App;
use crate::auth::Caller;
use crate::minimax::code::BaseResp;
use crate::problem::Problem;

/// How a task stands.
#[derive(Serialize, ToSchema)]
pub(crate) struct TaskView {
    /// Names the task
    #[schema(required = false, example = "176843862716480")]
    task_id: String,
    /// `Preparing`, `Queueing`, `Processing`, `Success` or `Fail`
    #[schema(required = false, example = "Success")]
    status: &'static str,
    /// Names the file, once there is one
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "176843862716480")]
    file_id: Option<String>,
    /// Pixels, once there is a file
    #[serde(skip_serializing_if = "Option::is_none")]
    video_width: Option<i32>,
    /// Pixels, once there is a file
    #[serde(skip_serializing_if = "Option::is_none")]
    video_height: Option<i32>,
    /// Why there is none, if there will be none
    base_resp: BaseResp,
}

/// Shows how a task stands.
#[utoipa::path(
    get, path = "/v1/query/video_generation", tag = "minimax", params(("task_id" = String, Query, description = "The task's id")),
    responses((status = 200, body = TaskView, description = "The task; or a `base_resp` alone that says what is wrong"))
)]
pub(crate) async fn query(
    State(app): State<App>,
    Caller(account): Caller,
    query: Parameters,
) -> Result<Json<TaskView>, Problem> {
    Ok(Json(TaskView::new(&find(&app, account, query, "task_id").await?)))
}

impl TaskView {
    fn new(job: &Job) -> Self {
        let number = job.number.unwrap_or_default().to_string();
        let status = status(job.status);
        let has_file = status == "Success";
        Self {
            base_resp: BaseResp::of_job(job),
            status,
            file_id: has_file.then(|| number.clone()),
            video_width: has_file.then_some(job.width),
            video_height: has_file.then_some(job.height),
            task_id: number,
        }
    }
}

/// A task that was fulfilled stays so when its file has gone; what was called off has failed.
fn status(status: JobStatus) -> &'static str {
    match status {
        JobStatus::Queued => "Queueing",
        JobStatus::InProgress => "Processing",
        JobStatus::Completed | JobStatus::Expired => "Success",
        JobStatus::Failed | JobStatus::Cancelled => "Fail",
    }
}
