//! `POST /v1/files`: put a file up, or ask for a link by which to do so.

use axum::Json;
use axum::extract::{Request, State};
use clipmill_shared::files::{FileSpec, FileWish, create as files, store};
use clipmill_shared::id::AccountId;
use serde::Deserialize;
use tracing::info;
use utoipa::ToSchema;

use super::view::FileView;
use crate::app::App;
use crate::auth::Caller;
use crate::form::{FileField, Form};
use crate::limit;
use crate::picture;
use crate::problem::{ErrorBody, Problem};

const FIELDS: [&str; 6] = ["file", "purpose", "expires_after", "filename", "content_type", "bytes"];

/// A file with its content.
#[derive(Deserialize, ToSchema)]
#[expect(dead_code, reason = "describes the body for readers; `Form` reads it")]
pub(crate) struct UploadBody {
    /// JPEG, PNG or WebP of at most 20 MB
    #[schema(value_type = String, format = Binary)]
    file: (),
    /// `video_input` (if left out), `vision` or `user_data`
    #[schema(example = "video_input")]
    purpose: Option<String>,
    /// When the file goes; after 30 days if left out
    expires_after: Option<ExpiresAfter>,
}

/// A file whose content is to be stored by a link.
#[derive(Deserialize, ToSchema)]
#[expect(dead_code, reason = "describes the body for readers; `Form` reads it")]
pub(crate) struct AnnounceBody {
    /// The file's name
    #[schema(min_length = 1, max_length = 255, example = "cup.jpg")]
    filename: String,
    /// `image/jpeg`, `image/png` or `image/webp`
    #[schema(example = "image/jpeg")]
    content_type: String,
    /// The exact size
    #[schema(minimum = 1, maximum = 20_971_520)]
    bytes: i64,
    /// `video_input` (if left out), `vision` or `user_data`
    #[schema(example = "video_input")]
    purpose: Option<String>,
    /// When the file goes; after 30 days if left out
    expires_after: Option<ExpiresAfter>,
}

/// When a file goes.
#[derive(Deserialize, ToSchema)]
#[expect(dead_code, reason = "describes the body for readers; `Form` reads it")]
pub(crate) struct ExpiresAfter {
    /// Always `created_at`
    #[schema(example = "created_at")]
    anchor: String,
    /// Seconds from then
    #[schema(minimum = 3600, maximum = 2_592_000)]
    seconds: i64,
}

/// Puts up a file, which may then be named as `{"file_id": …}` where a video takes an image. As JSON, without its content: the answer
/// says in `upload` how to store that, and `/v1/files/{id}/complete` ends it.
#[utoipa::path(
    post, path = "/v1/files", tag = "files",
    request_body(content((UploadBody = "multipart/form-data"), (AnnounceBody = "application/json"))),
    responses(
        (status = 200, body = FileView, description = "The file"),
        (status = 400, body = ErrorBody, description = "A field cannot be accepted, `param` names it; or the account has as many files as it may"),
        (status = 413, body = ErrorBody, description = "The body is too large"),
        (status = 415, body = ErrorBody, description = "Neither JSON nor multipart"),
    )
)]
pub(crate) async fn create(
    State(app): State<App>,
    Caller(account): Caller,
    request: Request,
) -> Result<Json<FileView>, Problem> {
    let room = app.rooms.enter(account, limit::body_mib(request.headers())).await;
    let _room = room.map_err(|_| Problem::internal())?;
    let mut form = Form::read(request, &FIELDS).await?;
    let wish = FileWish {
        purpose: form.text("purpose")?,
        lifetime_seconds: lifetime(&form)?,
        file_name: form.text("filename")?,
        content_type: form.text("content_type")?,
        size_bytes: form.integer("bytes")?,
    };
    let view = match form.file("file")? {
        Some(file) => with_content(&app, account, wish, file).await?,
        None => by_link(&app, account, wish).await?,
    };
    Ok(Json(view))
}

async fn with_content(app: &App, account: AccountId, wish: FileWish, file: FileField) -> Result<FileView, Problem> {
    if wish.content_type.is_some() || wish.size_bytes.is_some() {
        let name = if wish.size_bytes.is_some() { "bytes" } else { "content_type" };
        return Err(Problem::invalid(name, "must be left out with the file itself, which says so"));
    }
    let _turn = app.images.acquire().await.map_err(|_| Problem::internal())?;
    let picture = picture::look_at(app, "file", file.bytes).await?;
    let spec = FileSpec::new(FileWish {
        file_name: wish.file_name.or(Some(file.name)),
        content_type: Some(picture.kind.content_type().to_owned()),
        size_bytes: i64::try_from(picture.bytes.len()).ok(),
        ..wish
    })?;
    let file = files::begin(&app.pool, account, &spec).await?;
    let file = store::store(&app.pool, &app.storage, &file, &picture).await?;
    info!(file.id = %file.id, "Took a file");
    Ok(FileView::new(file))
}

async fn by_link(app: &App, account: AccountId, wish: FileWish) -> Result<FileView, Problem> {
    let (file, link) = files::begin_by_link(&app.pool, &app.storage, account, &FileSpec::new(wish)?).await?;
    Ok(FileView::with_link(file, link))
}

/// Seconds from the file's creation, in the form of OpenAI's API.
fn lifetime(form: &Form) -> Result<Option<i64>, Problem> {
    let refused = || Problem::invalid("expires_after", "must be an object with the anchor created_at and seconds");
    let Some(asked) = form.object("expires_after", &["anchor", "seconds"])? else { return Ok(None) };
    match (asked.text("anchor"), asked.integer("seconds")) {
        (Ok(Some(anchor)), Ok(Some(seconds))) if anchor == "created_at" => Ok(Some(seconds)),
        _ => Err(refused()),
    }
}
