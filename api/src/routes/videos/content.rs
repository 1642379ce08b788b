//! `GET /v1/videos/{id}/content`: the finished files.

use std::collections::HashMap;

use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use axum::http::{HeaderMap, Method};
use axum::response::Response;
use clipmill_shared::jobs::read;
use clipmill_shared::storage::key::Variant;

use super::VideoId;
use crate::app::App;
use crate::auth::Caller;
use crate::delivery::{self, Manner};
use crate::problem::{ErrorBody, Problem};

/// Hands out a finished file: by a link to the store, or through this service with `redirect=false`.
#[utoipa::path(
    get, path = "/v1/videos/{id}/content", tag = "videos",
    params(
        ("id" = String, Path, description = "The video's id"),
        ("variant" = Option<String>, Query, pattern = "^(video|thumbnail|spritesheet|spritesheet_vtt|preview)$", description = "`video` (the default), `thumbnail`, `spritesheet`, `spritesheet_vtt` (which part of the sheet shows which part of the video) or `preview`"),
        ("redirect" = Option<bool>, Query, description = "false: the bytes come through this service, `Range` included"),
        ("download" = Option<bool>, Query, description = "true: the file is to be stored under its name in place of shown"),
        ("Range" = Option<String>, Header, description = "With redirect=false: the part to send"),
        ("If-Range" = Option<String>, Header, description = "The `ETag` or `Last-Modified` of which the part has to be; else all is sent"),
        ("If-None-Match" = Option<String>, Header, description = "With redirect=false: the `ETag` of what the client has"),
    ),
    responses(
        (status = 200, description = "The file", content(("video/mp4"), ("image/webp"), ("image/jpeg"), ("text/vtt"))),
        (status = 206, description = "The part that was asked for", content(("video/mp4"), ("image/webp"), ("image/jpeg"), ("text/vtt"))),
        (status = 304, description = "With redirect=false: the client has it"),
        (status = 302, description = "The file is at `location`, for a while"),
        (status = 400, body = ErrorBody, description = "A parameter cannot be accepted"),
        (status = 404, body = ErrorBody, description = "The account has no such video, or it ended without one"),
        (status = 409, body = ErrorBody, description = "The video is not finished"),
        (status = 410, body = ErrorBody, description = "The video's retention is over, or it was delivered and not kept here"),
        (status = 416, body = ErrorBody, description = "The range lies outside of the file"),
    )
)]
pub(crate) async fn content(
    State(app): State<App>,
    Caller(account): Caller,
    VideoId(id): VideoId,
    method: Method,
    query: Result<Query<HashMap<String, String>>, QueryRejection>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let Query(query) = query.map_err(|_| Problem::body("the query string is malformed"))?;
    let (variant, manner) = parse(&query)?;
    let job = read::find(&app.pool, account, id).await?.ok_or_else(Problem::no_video)?;
    delivery::deliver(&app, &job, variant, manner, &method, &headers).await
}

fn parse(query: &HashMap<String, String>) -> Result<(Variant, Manner), Problem> {
    let names = Variant::ALL.map(Variant::as_str).join(", ");
    let variant = query.get("variant").map_or(Ok(Variant::Video), |text| text.parse());
    let variant = variant.map_err(|()| Problem::invalid("variant", &format!("must be one of: {names}")))?;
    let manner = Manner { redirect: truth(query, "redirect", true)?, download: truth(query, "download", false)? };
    Ok((variant, manner))
}

fn truth(query: &HashMap<String, String>, name: &str, otherwise: bool) -> Result<bool, Problem> {
    let said = query.get(name).map_or(Ok(otherwise), |text| text.parse());
    said.map_err(|_| Problem::invalid(name, "must be true or false"))
}
