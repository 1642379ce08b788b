//! `GET /v1/videos`: the account's jobs, page by page.

use std::collections::HashMap;

use axum::Json;
use axum::extract::State;
use clipmill_shared::jobs::JobStatus;
use clipmill_shared::jobs::read::{self, Filter};
use serde::Serialize;
use serde_json::{Map, Value};
use utoipa::ToSchema;

use super::view::VideoView;
use crate::app::App;
use crate::auth::Caller;
use crate::page::{self, PAGE_DEFAULT, Parameters};
use crate::problem::{ErrorBody, Problem};

/// A page of videos.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct PageView {
    /// Always `list`
    #[schema(example = "list")]
    object: &'static str,
    /// The videos
    data: Vec<VideoView>,
    /// The first video's id
    first_id: Option<String>,
    /// The last video's id: give it as `after` for the next page
    last_id: Option<String>,
    /// Whether there are more
    has_more: bool,
}

/// Lists the account's videos.
#[utoipa::path(
    get, path = "/v1/videos", tag = "videos",
    params(
        ("limit" = Option<u32>, Query, description = "Videos a page, 0 to 100; 20 if left out", minimum = 0, maximum = 100),
        ("order" = Option<String>, Query, pattern = "^(asc|desc)$", description = "`desc` (newest first, the default) or `asc`"),
        ("after" = Option<String>, Query, pattern = "^video_[0-9a-f]{32}$", description = "Continue after this video"),
        ("status" = Option<String>, Query, pattern = "^(queued|in_progress|completed|failed|cancelled|expired)$", description = "Only videos in this state"),
        ("metadata[KEY]" = Option<String>, Query, description = "Only videos with this pair; may be repeated with other keys"),
    ),
    responses(
        (status = 200, body = PageView, description = "A page"),
        (status = 400, body = ErrorBody, description = "A parameter cannot be accepted; `param` names it"),
    )
)]
pub(crate) async fn list(
    State(app): State<App>,
    Caller(account): Caller,
    parameters: Parameters,
) -> Result<Json<PageView>, Problem> {
    let (filter, limit) = parse(page::read(parameters)?)?;
    let (jobs, has_more) = read::list(&app.pool, account, &filter, limit).await?;
    let id = |job: Option<&clipmill_shared::jobs::Job>| job.map(|job| job.id.to_string());
    let (first_id, last_id) = (id(jobs.first()), id(jobs.last()));
    let mut data = Vec::new();
    for job in jobs {
        data.push(VideoView::new(&app, job).await);
    }
    Ok(Json(PageView { object: "list", first_id, last_id, data, has_more }))
}

fn parse(parameters: HashMap<String, String>) -> Result<(Filter, u32), Problem> {
    let mut filter = Filter { descending: true, after: None, status: None, metadata: Value::Null };
    let (mut limit, mut metadata) = (PAGE_DEFAULT, Map::new());
    for (name, value) in parameters {
        match name.as_str() {
            "limit" => limit = page::limit(&value)?,
            "order" => filter.descending = page::descending(&value)?,
            "after" => filter.after = Some(page::after(&value, "video")?),
            "status" => filter.status = Some(status(&value)?),
            _ => match name.strip_prefix("metadata[").and_then(|rest| rest.strip_suffix(']')) {
                Some(key) if !key.contains('\0') && !value.contains('\0') => {
                    _ = metadata.insert(key.to_owned(), Value::String(value))
                }
                Some(_) => return Err(Problem::invalid("metadata", "must not contain the character U+0000")),
                None => return Err(page::unknown(&name)),
            },
        }
    }
    filter.metadata = Value::Object(metadata);
    Ok((filter, limit))
}

fn status(value: &str) -> Result<JobStatus, Problem> {
    let names = JobStatus::ALL.map(JobStatus::as_str).join(", ");
    value.parse().map_err(|()| Problem::invalid("status", &format!("must be one of: {names}")))
}
