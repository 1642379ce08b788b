//! `GET /v1/files`: the account's files, page by page.

use std::collections::HashMap;

use axum::Json;
use axum::extract::State;
use clipmill_shared::files::File;
use clipmill_shared::files::read::{self, Filter};
use serde::Serialize;
use utoipa::ToSchema;

use super::view::FileView;
use crate::app::App;
use crate::auth::Caller;
use crate::page::{self, PAGE_DEFAULT, Parameters};
use crate::problem::{ErrorBody, Problem};

/// A page of files.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct FilePageView {
    /// Always `list`
    #[schema(example = "list")]
    object: &'static str,
    /// The files
    data: Vec<FileView>,
    /// The first file's id
    first_id: Option<String>,
    /// The last file's id: give it as `after` for the next page
    last_id: Option<String>,
    /// Whether there are more
    has_more: bool,
}

/// Lists the account's files.
#[utoipa::path(
    get, path = "/v1/files", tag = "files",
    params(
        ("limit" = Option<u32>, Query, description = "Files a page, 0 to 100; 20 if left out", minimum = 0, maximum = 100),
        ("order" = Option<String>, Query, description = "`desc` (newest first, the default) or `asc`"),
        ("after" = Option<String>, Query, description = "Continue after this file"),
        ("purpose" = Option<String>, Query, description = "Only files for this purpose"),
    ),
    responses(
        (status = 200, body = FilePageView, description = "A page"),
        (status = 400, body = ErrorBody, description = "A parameter cannot be accepted; `param` names it"),
    )
)]
pub(crate) async fn list(
    State(app): State<App>,
    Caller(account): Caller,
    parameters: Parameters,
) -> Result<Json<FilePageView>, Problem> {
    let (filter, limit) = parse(page::read(parameters)?)?;
    let (files, has_more) = read::list(&app.pool, account, &filter, limit).await?;
    let id = |file: Option<&File>| file.map(|file| file.id.to_string());
    let (first_id, last_id) = (id(files.first()), id(files.last()));
    let data = files.into_iter().map(FileView::new).collect();
    Ok(Json(FilePageView { object: "list", first_id, last_id, data, has_more }))
}

fn parse(parameters: HashMap<String, String>) -> Result<(Filter, u32), Problem> {
    let mut filter = Filter { descending: true, after: None, purpose: None };
    let mut limit = PAGE_DEFAULT;
    for (name, value) in parameters {
        match name.as_str() {
            "limit" => limit = page::limit(&value)?,
            "order" => filter.descending = page::descending(&value)?,
            "after" => filter.after = Some(page::after(&value, "file")?),
            "purpose" => filter.for_purpose(&value)?,
            _ => return Err(page::unknown(&name)),
        }
    }
    Ok((filter, limit))
}
