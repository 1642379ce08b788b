//! `/v1/files`: one file a verb, and the file as clients see it.

use axum::extract::{FromRequestParts, Path};
use axum::http::request::Parts;
use clipmill_shared::id::FileId;

use crate::app::App;
use crate::problem::Problem;

pub(super) mod complete;
pub(super) mod content;
pub(super) mod create;
pub(super) mod delete;
pub(super) mod get;
pub(super) mod list;
mod view;

/// The `{id}` of a path. What is no id names no file.
pub(crate) struct FilePath(FileId);

impl FromRequestParts<App> for FilePath {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Problem> {
        let path = Path::<String>::from_request_parts(parts, app).await;
        path.ok().and_then(|Path(id)| id.parse().ok()).map(Self).ok_or_else(Problem::no_file)
    }
}
