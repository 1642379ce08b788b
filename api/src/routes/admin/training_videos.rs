//! `GET /v1/admin/training_videos`: which finished videos may be used for training.

use axum::Json;
use axum::extract::State;
use clipmill_shared::accounts::audit::Action;
use clipmill_shared::accounts::consent::{self, TrainingVideo};
use clipmill_shared::db;
use clipmill_shared::id::{AccountId, JobId};
use serde::Serialize;
use utoipa::ToSchema;

use super::record;
use crate::app::App;
use crate::auth::Staff;
use crate::page::Page;
use crate::problem::{ErrorBody, Problem};

/// A page of videos.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct TrainingPageView {
    /// Always `list`
    #[schema(example = "list")]
    object: &'static str,
    /// The videos, oldest first
    data: Vec<TrainingVideoView>,
    /// The last video's id: give it as `after` for the next page
    #[schema(value_type = Option<String>)]
    last_id: Option<JobId>,
    /// Whether there are more
    has_more: bool,
}

/// A finished video whose account agrees to training.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct TrainingVideoView {
    /// Names the video
    #[schema(value_type = String)]
    id: JobId,
    /// Whose it is
    #[schema(value_type = String)]
    account_id: AccountId,
    /// What it shows
    prompt: String,
    /// `WIDTHxHEIGHT`
    #[schema(example = "1280x720")]
    size: String,
    /// Length in seconds
    seconds: i32,
    /// Frames per second
    fps: i32,
    /// What the keys of its files in the bucket start with
    prefix: String,
}

impl TrainingVideoView {
    fn new(video: TrainingVideo) -> Self {
        Self {
            prefix: video.prefix(),
            id: video.id,
            account_id: video.account_id,
            prompt: video.prompt,
            size: format!("{}x{}", video.width, video.height),
            seconds: video.seconds,
            fps: video.fps,
        }
    }
}

/// Lists finished videos of accounts that agree to training at this moment. Each such account has that in its audit log.
#[utoipa::path(
    get, path = "/v1/admin/training_videos", tag = "admin", operation_id = "admin_list_training_videos",
    security(("operator_key" = [])),
    params(
        ("limit" = Option<u32>, Query, description = "Videos a page, 0 to 100; 20 if left out", minimum = 0, maximum = 100),
        ("after" = Option<String>, Query, description = "Continue after this video"),
        ("order" = Option<String>, Query, description = "Has no effect: the oldest come first"),
    ),
    responses(
        (status = 200, body = TrainingPageView, description = "A page"),
        (status = 400, body = ErrorBody, description = "A parameter cannot be accepted; `param` names it"),
    )
)]
pub(crate) async fn training_videos(
    State(app): State<App>,
    staff: Staff,
    page: Page<JobId>,
) -> Result<Json<TrainingPageView>, Problem> {
    let mut tx = db::begin(&app.pool).await?;
    let mut videos = consent::training_videos(&mut tx, page.after, page.reach()).await?;
    let has_more = page.cut(&mut videos);
    let mut accounts: Vec<AccountId> = videos.iter().map(|video| video.account_id).collect();
    accounts.sort_unstable();
    accounts.dedup();
    for account in accounts {
        let of_account = videos.iter().filter(|video| video.account_id == account);
        let shown: Vec<String> = of_account.map(|video| video.id.to_string()).collect();
        record(&mut tx, account, &staff, Action::TrainingListed, &shown).await?;
    }
    tx.commit().await?;
    let last_id = videos.last().map(|video| video.id);
    let data = videos.into_iter().map(TrainingVideoView::new).collect();
    Ok(Json(TrainingPageView { object: "list", data, last_id, has_more }))
}
