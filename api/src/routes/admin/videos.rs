//! `GET /v1/admin/accounts/{id}/videos`: an operator looks at a customer's videos, prompts included.

use axum::Json;
use axum::extract::State;
use clipmill_shared::accounts::audit::Action;
use clipmill_shared::db;
use clipmill_shared::id::{AccountId, JobId};
use clipmill_shared::jobs::read::{self, Filter};
use serde::Serialize;
use serde_json::json;
use utoipa::ToSchema;

use super::{Named, record};
use crate::app::App;
use crate::auth::Staff;
use crate::page::Page;
use crate::problem::{ErrorBody, Problem};
use crate::routes::videos::view::VideoView;

/// A page of a customer's videos.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct AdminVideoPageView {
    /// Always `list`
    #[schema(example = "list")]
    object: &'static str,
    /// The videos
    data: Vec<VideoView>,
    /// The last video's id: give it as `after` for the next page
    #[schema(value_type = Option<String>)]
    last_id: Option<JobId>,
    /// Whether there are more
    has_more: bool,
}

/// Lists an account's videos. That is in its audit log, with the ids of those that were shown.
#[utoipa::path(
    get, path = "/v1/admin/accounts/{id}/videos", tag = "admin", operation_id = "admin_list_videos", security(("operator_key" = [])),
    params(
        ("id" = String, Path, description = "The account's id"),
        ("limit" = Option<u32>, Query, description = "Videos a page, 0 to 100; 20 if left out", minimum = 0, maximum = 100),
        ("order" = Option<String>, Query, description = "`desc` (newest first, the default) or `asc`"),
        ("after" = Option<String>, Query, description = "Continue after this video"),
    ),
    responses(
        (status = 200, body = AdminVideoPageView, description = "A page"),
        (status = 400, body = ErrorBody, description = "A parameter cannot be accepted; `param` names it"),
        (status = 404, body = ErrorBody, description = "There is no such account"),
    )
)]
pub(crate) async fn videos(
    State(app): State<App>,
    staff: Staff,
    Named(account): Named<AccountId>,
    page: Page<JobId>,
) -> Result<Json<AdminVideoPageView>, Problem> {
    clipmill_shared::accounts::profile::find(&app.pool, account).await?.ok_or_else(Problem::no_account)?;
    let filter = Filter { descending: page.descending, after: page.after, status: None, metadata: json!({}) };
    let (jobs, has_more) = read::list(&app.pool, account, &filter, page.limit).await?;
    let shown: Vec<String> = jobs.iter().map(|job| job.id.to_string()).collect();
    let mut tx = db::begin(&app.pool).await?;
    record(&mut tx, account, &staff, Action::VideosRead, &shown).await?;
    tx.commit().await?;
    let last_id = jobs.last().map(|job| job.id);
    let mut data = Vec::with_capacity(jobs.len());
    for job in jobs {
        data.push(VideoView::new(&app, job).await);
    }
    Ok(Json(AdminVideoPageView { object: "list", data, last_id, has_more }))
}
