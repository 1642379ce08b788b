//! `POST /v1/account/keys`: a further key.

use axum::Json;
use axum::extract::{Request, State};
use chrono::{DateTime, Utc};
use clipmill_shared::accounts::keys::{self, KeyWish};
use clipmill_shared::accounts::scope::{Scope, Scopes};
use serde::Deserialize;
use utoipa::ToSchema;

use super::ApiKeyView;
use crate::app::App;
use crate::auth::Proven;
use crate::form::Form;
use crate::problem::{ErrorBody, Problem};

/// The latest moment at which a key may end: the year 9999.
const LATEST: i64 = 253_402_300_799;

/// What a new key is.
#[derive(Deserialize, ToSchema)]
#[schema(as = CreateKeyBody)]
#[expect(dead_code, reason = "describes the body for readers; `Form` reads it")]
pub(crate) struct CreateBody {
    /// What to call it
    #[schema(min_length = 1, max_length = 200, example = "render farm")]
    name: String,
    /// What it may be used for: some of `videos:read`, `videos:write`, `account`; what the key of this request may if left out
    #[schema(example = json!(["videos:read", "videos:write"]))]
    scopes: Option<Vec<String>>,
    /// Unix seconds at which it ends by itself; never if left out
    expires_at: Option<i64>,
}

/// Makes a key. It is shown only now. No key makes one that may do more than itself.
#[utoipa::path(
    post, path = "/v1/account/keys", tag = "account", operation_id = "create_key", request_body = CreateBody,
    responses(
        (status = 200, body = ApiKeyView, description = "The key, with what it is"),
        (status = 400, body = ErrorBody, description = "A field cannot be accepted; `param` names it"),
        (status = 409, body = ErrorBody, description = "The account has as many live keys as it may"),
        (status = 413, body = ErrorBody, description = "The body is too large"),
        (status = 415, body = ErrorBody, description = "No JSON"),
    )
)]
pub(crate) async fn create(
    State(app): State<App>,
    Proven(identity): Proven,
    request: Request,
) -> Result<Json<ApiKeyView>, Problem> {
    let form = Form::read(request, &["name", "scopes", "expires_at"]).await?;
    let name = form.text("name")?.unwrap_or_default();
    let scopes = form.texts("scopes")?.map(|names| scopes(&names, identity.scopes)).transpose()?;
    let expires_at = form.integer("expires_at")?.map(end).transpose()?;
    let wish = KeyWish { name: &name, scopes: scopes.unwrap_or(identity.scopes), expires_at };
    let (record, key) = keys::create(&app.pool, identity.account, &wish).await?;
    Ok(Json(ApiKeyView::new(record, Some(&key))))
}

/// What the new key may be used for: nothing that the present one may not.
fn scopes(names: &[String], own: Scopes) -> Result<Scopes, Problem> {
    let read: Result<Vec<Scope>, String> = names.iter().map(|name| name.parse()).collect();
    let read = read.map_err(|allowed| Problem::invalid("scopes", &allowed))?;
    if read.is_empty() {
        return Err(Problem::invalid(
            "scopes",
            &format!("must be some of: {}", Scope::ALL.map(Scope::as_str).join(", ")),
        ));
    }
    match read.iter().find(|scope| !own.allow(**scope)) {
        Some(scope) => Err(Problem::insufficient_scope(*scope)),
        None => Ok(read.into_iter().collect()),
    }
}

/// When a key ends. A moment that is past makes a key that is dead, by the clock of the database.
fn end(seconds: i64) -> Result<DateTime<Utc>, Problem> {
    let refused = || Problem::invalid("expires_at", &format!("must be Unix seconds from 1 to {LATEST}"));
    let seconds = Some(seconds).filter(|seconds| (1..=LATEST).contains(seconds)).ok_or_else(refused)?;
    DateTime::from_timestamp(seconds, 0).ok_or_else(refused)
}
