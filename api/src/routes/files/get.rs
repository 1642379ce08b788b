//! `GET /v1/files/{id}`: what is known of a file.

use axum::Json;
use axum::extract::State;
use clipmill_shared::files::read;

use super::FilePath;
use super::view::FileView;
use crate::app::App;
use crate::auth::Caller;
use crate::problem::{ErrorBody, Problem};

/// Shows a file.
#[utoipa::path(
    get, path = "/v1/files/{id}", tag = "files", params(("id" = String, Path, description = "The file's id")),
    responses(
        (status = 200, body = FileView, description = "The file"),
        (status = 404, body = ErrorBody, description = "The account has no such file"),
    )
)]
pub(crate) async fn get(
    State(app): State<App>,
    Caller(account): Caller,
    FilePath(id): FilePath,
) -> Result<Json<FileView>, Problem> {
    let file = read::find(&app.pool, account, id).await?.ok_or_else(Problem::no_file)?;
    Ok(Json(FileView::new(file)))
}
