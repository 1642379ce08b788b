//! `/v1/videos`: one file a verb, and the video as clients see it.

use axum::extract::{FromRequestParts, Path};
use axum::http::request::Parts;
use clipmill_shared::id::JobId;

use crate::app::App;
use crate::problem::Problem;

pub(super) mod cancel;
pub(super) mod content;
pub(super) mod create;
pub(super) mod delete;
pub(super) mod events;
pub(super) mod get;
pub(super) mod list;
pub(super) mod models;
pub(super) mod remix;
pub(super) mod retention;
pub(super) mod view;

/// The `{id}` of a path. What is no id names no video.
pub(crate) struct VideoId(JobId);

impl FromRequestParts<App> for VideoId {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Problem> {
        let path = Path::<String>::from_request_parts(parts, app).await;
        path.ok().and_then(|Path(id)| id.parse().ok()).map(Self).ok_or_else(Problem::no_video)
    }
}
