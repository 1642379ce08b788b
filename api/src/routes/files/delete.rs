//! `DELETE /v1/files/{id}`: the row and every object of a file go.

use axum::Json;
use axum::extract::State;
use clipmill_shared::accounts::export;
use clipmill_shared::files;
use serde::Serialize;
use utoipa::ToSchema;

use super::FilePath;
use crate::app::App;
use crate::auth::Caller;
use crate::problem::{ErrorBody, Problem};

/// What is left of a deleted file.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct DeletedFileView {
    /// The id that the file had
    id: String,
    /// Always `file`
    #[schema(example = "file")]
    object: &'static str,
    /// Always true
    deleted: bool,
}

/// Deletes a file. Jobs that were submitted with it have copies of their own.
#[utoipa::path(
    delete, path = "/v1/files/{id}", tag = "files", params(("id" = String, Path, description = "The file's id")),
    responses(
        (status = 200, body = DeletedFileView, description = "It is gone"),
        (status = 409, body = ErrorBody, description = "A legal hold keeps it for now"),
        (status = 404, body = ErrorBody, description = "The account has no such file"),
    )
)]
pub(crate) async fn delete(
    State(app): State<App>,
    Caller(account): Caller,
    FilePath(id): FilePath,
) -> Result<Json<DeletedFileView>, Problem> {
    app.may_delete(account).await?;
    match files::delete::delete(&app.pool, &app.storage, account, id).await? {
        true => {
            export::retract(&app.pool, account).await?;
            Ok(Json(DeletedFileView { id: id.to_string(), object: "file", deleted: true }))
        }
        false => Err(Problem::no_file()),
    }
}
