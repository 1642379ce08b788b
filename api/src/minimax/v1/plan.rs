//! `GET /v1/token_plan/remains`: by which MiniMax's own command-line client finds out whether a key is good here.

use axum::Json;
use axum::extract::State;
use axum::http::HeaderMap;
use clipmill_shared::secret::ApiKey;
use serde::Serialize;
use utoipa::ToSchema;

use crate::app::App;
use crate::auth::{Bearer, Caller};
use crate::minimax::code::BaseResp;
use crate::problem::{Code, Problem};

/// That the key is good. There are no plans here, and so nothing remains of one.
#[derive(Serialize, ToSchema)]
pub(crate) struct RemainsView {
    /// How it went
    base_resp: BaseResp,
}

/// Says whether a key is good, sent as `Authorization: Bearer` or as `x-api-key`.
#[utoipa::path(
    get, path = "/v1/token_plan/remains", tag = "minimax",
    responses((status = 200, body = RemainsView, description = "Whether the key is good"))
)]
pub(crate) async fn remains(
    State(app): State<App>,
    bearer: Result<Bearer, Problem>,
    headers: HeaderMap,
) -> Result<Json<RemainsView>, Problem> {
    let other = headers.get("x-api-key").and_then(|value| value.to_str().ok()).and_then(ApiKey::parse);
    let key = match bearer {
        Ok(Bearer(key)) => key,
        Err(problem) if problem.code() == Code::InvalidApiKey => other.ok_or(problem)?,
        Err(problem) => return Err(problem),
    };
    Caller::prove(&app, &key, None).await?;
    Ok(Json(RemainsView { base_resp: BaseResp::success() }))
}
