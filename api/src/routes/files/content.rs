//! `GET /v1/files/{id}/content`: the file itself.

use axum::extract::State;
use axum::http::StatusCode;
use axum::http::header::{CACHE_CONTROL, LOCATION};
use axum::response::{IntoResponse, Response};
use clipmill_shared::files::read;
use clipmill_shared::storage::Disposition;

use super::FilePath;
use crate::app::App;
use crate::auth::Caller;
use crate::problem::{ErrorBody, Problem};

/// Hands out a file by a link to the store.
#[utoipa::path(
    get, path = "/v1/files/{id}/content", tag = "files", params(("id" = String, Path, description = "The file's id")),
    responses(
        (status = 302, description = "The file is at `location`, for a while"),
        (status = 404, body = ErrorBody, description = "The account has no such file"),
        (status = 409, body = ErrorBody, description = "Its content is not there yet"),
    )
)]
pub(crate) async fn content(
    State(app): State<App>,
    Caller(account): Caller,
    FilePath(id): FilePath,
) -> Result<Response, Problem> {
    let file = read::find(&app.pool, account, id).await?.ok_or_else(Problem::no_file)?;
    let source = file.source().ok_or_else(Problem::file_not_ready)?;
    let key = file.key().ok_or_else(Problem::file_not_ready)?;
    // The customer's name for it would have to be escaped, and says nothing new to them.
    let name = format!("{id}.{}", source.kind.extension());
    let link = app.storage.link(&key, source.kind.content_type(), Disposition::Inline(&name)).await?;
    Ok((StatusCode::FOUND, [(LOCATION, link), (CACHE_CONTROL, "no-store".to_owned())]).into_response())
}
