//! `DELETE /v1/videos/{id}`: the row and every object of a video go.

use axum::Json;
use axum::extract::State;
use clipmill_shared::accounts::export;
use clipmill_shared::id::JobId;
use clipmill_shared::jobs;
use serde::Serialize;
use utoipa::ToSchema;

use super::VideoId;
use crate::app::App;
use crate::auth::Caller;
use crate::problem::{ErrorBody, Problem};

/// What is left of a deleted video.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct DeletedView {
    /// The id that the video had
    id: String,
    /// Always `video.deleted`
    #[schema(example = "video.deleted")]
    object: &'static str,
    /// Always true
    deleted: bool,
}

impl DeletedView {
    /// What is left of this video.
    pub(super) fn of(id: JobId) -> Self {
        Self { id: id.to_string(), object: "video.deleted", deleted: true }
    }
}

/// Deletes a video with all of its files, and archives of the account that hold it. One that waits or runs is called off first.
#[utoipa::path(
    delete, path = "/v1/videos/{id}", tag = "videos", params(("id" = String, Path, description = "The video's id")),
    responses(
        (status = 200, body = DeletedView, description = "It is gone"),
        (status = 409, body = ErrorBody, description = "A legal hold keeps it for now"),
        (status = 404, body = ErrorBody, description = "The account has no such video"),
    )
)]
pub(crate) async fn delete(
    State(app): State<App>,
    Caller(account): Caller,
    VideoId(id): VideoId,
) -> Result<Json<DeletedView>, Problem> {
    app.may_delete(account).await?;
    match jobs::delete::delete(&app.pool, &app.storage, account, id).await? {
        true => {
            export::retract(&app.pool, account).await?;
            Ok(Json(DeletedView::of(id)))
        }
        false => Err(Problem::no_video()),
    }
}
