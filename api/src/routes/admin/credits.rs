//! `POST /v1/admin/accounts/{id}/credits`: credits are granted, or taken back.

use axum::Json;
use axum::extract::{Request, State};
use clipmill_shared::accounts::audit::Action;
use clipmill_shared::accounts::credits::{self, GRANT_MAX, Grant};
use clipmill_shared::db;
use clipmill_shared::id::AccountId;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{Named, record};
use crate::app::App;
use crate::auth::Staff;
use crate::form::Form;
use crate::problem::{ErrorBody, Problem};
use crate::submit::idempotency_key;

/// What to grant.
#[derive(Deserialize, ToSchema)]
#[schema(as = GrantCreditsBody)]
#[expect(dead_code, reason = "describes the body for readers; `Form` reads it")]
pub(crate) struct GrantBody {
    /// How many; below zero takes them back
    #[schema(example = 1000)]
    credits: i64,
    /// What to say of it; the customer reads it
    #[schema(max_length = 200, example = "invoice 2026-118")]
    note: Option<String>,
}

/// How an account's credits stand after a grant.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct GrantedView {
    /// Always `credit_grant`
    #[schema(example = "credit_grant")]
    object: &'static str,
    /// Whether an earlier request with the same key made the grant
    replayed: bool,
    /// What the account's submits may reserve now
    available: i64,
}

/// Grants credits to an account. With an `Idempotency-Key`, a repeated request grants nothing more.
#[utoipa::path(
    post, path = "/v1/admin/accounts/{id}/credits", tag = "admin", operation_id = "admin_grant_credits",
    security(("operator_key" = [])),
    params(
        ("id" = String, Path, description = "The account's id"),
        ("Idempotency-Key" = Option<String>, Header, description = "At most 255 printable characters; names this grant"),
    ),
    request_body = GrantBody,
    responses(
        (status = 200, body = GrantedView, description = "How the credits stand now"),
        (status = 400, body = ErrorBody, description = "A field cannot be accepted; `param` names it"),
        (status = 404, body = ErrorBody, description = "There is no such account"),
        (status = 413, body = ErrorBody, description = "The body is too large"),
        (status = 415, body = ErrorBody, description = "No JSON"),
    )
)]
pub(crate) async fn grant(
    State(app): State<App>,
    staff: Staff,
    Named(account): Named<AccountId>,
    request: Request,
) -> Result<Json<GrantedView>, Problem> {
    let key = idempotency_key(request.headers())?;
    let form = Form::read(request, &["credits", "note"]).await?;
    let refused =
        || Problem::invalid("credits", &format!("must be a whole number up to {GRANT_MAX} either way, and not 0"));
    let amount =
        form.integer("credits")?.filter(|credits| *credits != 0 && credits.unsigned_abs() <= GRANT_MAX.unsigned_abs());
    let note = form.text("note")?.filter(|note| !note.is_empty());
    if note.as_ref().is_some_and(|note| note.chars().count() > 200 || note.contains('\0')) {
        return Err(Problem::invalid("note", "must have at most 200 characters, without the character U+0000"));
    }
    let wish = Grant { credits: amount.ok_or_else(refused)?, note: note.as_deref(), idempotency_key: key.as_deref() };
    let mut tx = db::begin(&app.pool).await?;
    let is_new = credits::grant(&mut tx, account, wish).await?;
    if is_new {
        record(&mut tx, account, &staff, Action::CreditsChanged, &[format!("{:+}", wish.credits)]).await?;
    }
    tx.commit().await?;
    let available = credits::balance(&app.pool, account).await?.available();
    Ok(Json(GrantedView { object: "credit_grant", replayed: !is_new, available }))
}
