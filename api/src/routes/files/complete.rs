//! `POST /v1/files/{id}/complete`: what was stored by a link is looked at, and the file may be used.

use axum::Json;
use axum::extract::State;
use clipmill_shared::files::{File, FileError, FileState, delete, read, store};
use clipmill_shared::picture::Picture;
use tracing::info;

use super::FilePath;
use super::view::FileView;
use crate::app::App;
use crate::auth::Caller;
use crate::picture;
use crate::problem::{ErrorBody, Problem};

/// Ends an upload by link. Doing so again changes nothing. Content that is not what was announced, or no image that a video could be
/// made of, is refused, and the file is gone with it.
#[utoipa::path(
    post, path = "/v1/files/{id}/complete", tag = "files", params(("id" = String, Path, description = "The file's id")),
    responses(
        (status = 200, body = FileView, description = "The file, processed"),
        (status = 400, body = ErrorBody, description = "The content cannot be accepted; the file is gone"),
        (status = 404, body = ErrorBody, description = "The account has no such file"),
        (status = 409, body = ErrorBody, description = "Nothing has been stored by the link yet"),
    )
)]
pub(crate) async fn complete(
    State(app): State<App>,
    Caller(account): Caller,
    FilePath(id): FilePath,
) -> Result<Json<FileView>, Problem> {
    let file = read::find(&app.pool, account, id).await?.ok_or_else(Problem::no_file)?;
    if file.state == FileState::Ready {
        return Ok(Json(FileView::new(file)));
    }
    match take(&app, &file).await {
        Ok(file) => Ok(Json(FileView::new(file))),
        // Another request may have been faster, and have cleared away what this one looked for.
        Err(problem) => {
            let found = read::find(&app.pool, account, id).await?.filter(|file| file.state == FileState::Ready);
            found.map(|file| Json(FileView::new(file))).ok_or(problem)
        }
    }
}

async fn take(app: &App, file: &File) -> Result<File, Problem> {
    let _turn = app.images.acquire().await.map_err(|_| Problem::internal())?;
    match look_at(app, file).await? {
        Ok(picture) => {
            let file = store::store(&app.pool, &app.storage, file, &picture).await?;
            info!(file.id = %file.id, "Took a file");
            Ok(file)
        }
        Err(refused) => {
            info!(file.id = %file.id, "Refused what was stored for a file");
            delete::refuse(&app.pool, &app.storage, file).await?;
            Err(refused)
        }
    }
}

/// What was stored, or why it can never be accepted.
async fn look_at(app: &App, file: &File) -> Result<Result<Picture, Problem>, Problem> {
    let refused = |allowed: &str| Ok(Err(Problem::invalid("file", allowed)));
    let bytes = match store::fetch(&app.pool, &app.storage, file).await {
        Err(FileError::NotAsAnnounced) => return refused("must have the bytes that were announced"),
        fetched => fetched?,
    };
    match picture::probe(app, bytes).await? {
        Ok(picture) if picture.kind.content_type() != file.content_type => {
            refused(&format!("must be {}, as was announced; it is {}", file.content_type, picture.kind))
        }
        Ok(picture) => Ok(Ok(picture)),
        Err(allowed) => refused(&allowed),
    }
}
