//! `/v1/account/export`: an archive of all that is held about the account.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use clipmill_shared::accounts::export::{self, Export, FILE_NAME, State as Progress};
use clipmill_shared::id::ExportId;
use clipmill_shared::storage::Disposition;
use serde::Serialize;
use utoipa::ToSchema;

use super::Named;
use crate::app::App;
use crate::auth::Caller;
use crate::problem::{ErrorBody, Problem};

/// An archive of all that is held about an account.
#[derive(Debug, Serialize, ToSchema)]
#[schema(title = "Export")]
pub(crate) struct ExportView {
    /// Names the export
    #[schema(value_type = String, example = "export_01934b6c2a7e7c3e9b1f0a2d4c6e8f10")]
    id: ExportId,
    /// Always `export`
    #[schema(example = "export")]
    object: &'static str,
    /// `queued`, `in_progress`, `completed`, `failed` or `expired`
    #[schema(example = "completed")]
    status: &'static str,
    /// Its size in bytes, once it is there
    size_bytes: Option<i64>,
    /// Where to download the ZIP file, while it is there: a fresh link each time, which works for a while only
    download_url: Option<String>,
    /// Unix seconds
    created_at: i64,
    /// Unix seconds at which it was finished, or given up
    completed_at: Option<i64>,
    /// Unix seconds at which the archive goes
    expires_at: Option<i64>,
}

impl ExportView {
    async fn new(app: &App, export: Export) -> Result<Self, Problem> {
        let download_url = match export.state {
            Progress::Completed => {
                Some(app.storage.link(&export.key(), "application/zip", Disposition::Attachment(FILE_NAME)).await?)
            }
            _ => None,
        };
        Ok(Self {
            id: export.id,
            object: "export",
            status: export.state.as_str(),
            size_bytes: export.size_bytes,
            download_url,
            created_at: export.created_at.timestamp(),
            completed_at: export.finished_at.map(|at| at.timestamp()),
            expires_at: export.expires_at.map(|at| at.timestamp()),
        })
    }
}

/// Asks for an archive of everything that is held about the account: JSON of every table, all media, and a page to read. A worker makes
/// it; while one is being made, asking again answers with that one.
#[utoipa::path(
    post, path = "/v1/account/export", tag = "account", operation_id = "create_export",
    summary = "Asks for an archive of everything that is held about the account.",
    responses((status = 202, body = ExportView, description = "The export"))
)]
pub(crate) async fn create(
    State(app): State<App>,
    Caller(account): Caller,
) -> Result<(StatusCode, Json<ExportView>), Problem> {
    let export = export::request(&app.pool, account).await?;
    Ok((StatusCode::ACCEPTED, Json(ExportView::new(&app, export).await?)))
}

/// Shows how an export stands, and where to download it.
#[utoipa::path(
    get, path = "/v1/account/export/{id}", tag = "account", operation_id = "get_export",
    params(("id" = String, Path, description = "The export's id")),
    responses(
        (status = 200, body = ExportView, description = "The export"),
        (status = 404, body = ErrorBody, description = "The account has no such export"),
    )
)]
pub(crate) async fn get(
    State(app): State<App>,
    Caller(account): Caller,
    Named(id): Named<ExportId>,
) -> Result<Json<ExportView>, Problem> {
    let export = export::find(&app.pool, account, id).await?.ok_or_else(Problem::no_export)?;
    ExportView::new(&app, export).await.map(Json)
}
