//! `/v1/account/erasures` and `/v1/receipts`: deletion of a period, and the receipts of all deletions.

use std::time::Duration;

use axum::Json;
use axum::extract::{Path, Request, State};
use axum::http::StatusCode;
use chrono::{DateTime, Utc};
use clipmill_shared::accounts::erasure::{self, Erasure, Scope, State as Progress, Wish};
use clipmill_shared::accounts::privacy::KEPT;
use clipmill_shared::id::ErasureId;
use clipmill_shared::secret::ReceiptToken;
use serde::{Deserialize, Serialize};
use tracing::warn;
use utoipa::ToSchema;

use super::Named;
use crate::app::App;
use crate::auth::Caller;
use crate::form::Form;
use crate::problem::{ErrorBody, Problem};

/// How long a request waits for the deletion to be done; workers do the rest.
const PATIENCE: Duration = Duration::from_secs(20);

/// The receipt of a deletion.
#[derive(Debug, Serialize, ToSchema)]
#[schema(title = "Erasure")]
pub(crate) struct ErasureView {
    /// Names the deletion
    #[schema(value_type = String, example = "erasure_01934b6c2a7e7c3e9b1f0a2d4c6e8f10")]
    id: ErasureId,
    /// Always `erasure`
    #[schema(example = "erasure")]
    object: &'static str,
    /// `account` or `period`
    #[schema(example = "account")]
    scope: &'static str,
    /// Unix seconds from which on things were created that go; null for a whole account
    from: Option<i64>,
    /// Unix seconds before which they were created
    until: Option<i64>,
    /// `held` (by a legal hold), `in_progress` or `completed`
    #[schema(example = "completed")]
    status: &'static str,
    /// What has gone so far
    deleted: ErasedView,
    /// What stays although it was asked for, why, and until when; of a whole account alone
    kept: Vec<KeptView>,
    /// Unix seconds until which a legal hold keeps everything
    held_until: Option<i64>,
    /// Unix seconds
    created_at: i64,
    /// Unix seconds at which all was gone
    completed_at: Option<i64>,
    /// Shows this receipt at `/v1/receipts/{token}` without a key; told only now
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "cmrcpt_…")]
    receipt_token: Option<String>,
}

/// How much has gone.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ErasedView {
    /// Videos, with their prompts, source images, media and events
    videos: i64,
    /// Files that were put up
    files: i64,
    /// Webhook endpoints, with their logs
    webhook_endpoints: i64,
    /// API keys
    api_keys: i64,
}

/// Something that stays.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct KeptView {
    /// What
    #[schema(example = "usage")]
    what: &'static str,
    /// Why
    reason: &'static str,
    /// For how long after the deletion
    how_long: &'static str,
    /// Unix seconds at which it is gone at the latest
    until: i64,
}

impl ErasureView {
    fn new(erasure: Erasure, token: Option<ReceiptToken>) -> Self {
        let is_whole = erasure.scope == Scope::Account;
        let until = erasure.accounting_until.timestamp();
        let kept = KEPT.into_iter().filter(|_| is_whole);
        Self {
            id: erasure.id,
            object: "erasure",
            scope: if is_whole { "account" } else { "period" },
            from: erasure.from_at.map(|at| at.timestamp()),
            until: erasure.until_at.map(|at| at.timestamp()),
            status: erasure.state.as_str(),
            deleted: ErasedView {
                videos: erasure.videos,
                files: erasure.files,
                webhook_endpoints: erasure.endpoints,
                api_keys: erasure.keys,
            },
            kept: kept.map(|(what, reason, how_long)| KeptView { what, reason, how_long, until }).collect(),
            held_until: erasure.hold_until.map(|at| at.timestamp()),
            created_at: erasure.created_at.timestamp(),
            completed_at: erasure.finished_at.map(|at| at.timestamp()),
            receipt_token: token.map(|token| token.reveal().to_owned()),
        }
    }
}

/// Deletes what it can while the request waits. What is left is a worker's, whatever becomes of this.
pub(crate) async fn carry_out(
    app: &App,
    erasure: Erasure,
    token: Option<ReceiptToken>,
) -> (StatusCode, Json<ErasureView>) {
    let mut latest = erasure;
    if tokio::time::timeout(PATIENCE, delete_all(app, &mut latest)).await.is_err() {
        warn!(account.id = %latest.account_id, "A deletion takes longer than its request, workers go on with it");
    }
    let status = if latest.state == Progress::Completed { StatusCode::OK } else { StatusCode::ACCEPTED };
    (status, Json(ErasureView::new(latest, token)))
}

async fn delete_all(app: &App, erasure: &mut Erasure) {
    while erasure.state == Progress::InProgress {
        let (after, prefixes) = match erasure::step(&app.pool, erasure).await {
            Ok(step) => step,
            Err(error) => {
                return warn!(account.id = %erasure.account_id, %error, "Could not delete all at once, workers will");
            }
        };
        *erasure = after;
        for prefix in prefixes {
            // The timers would do it too; this way the objects are gone when the customer reads the answer.
            if let Err(error) = app.storage.remove_prefix(&prefix).await {
                return warn!(account.id = %erasure.account_id, %error, "Could not remove objects of what was deleted, their timers will");
            }
        }
    }
}

/// Which period.
#[derive(Deserialize, ToSchema)]
#[schema(as = CreateErasureBody)]
#[expect(dead_code, reason = "describes the body for readers; `Form` reads it")]
pub(crate) struct CreateBody {
    /// Unix seconds: what was created from then on goes
    from: i64,
    /// Unix seconds: what was created before then goes
    until: i64,
}

/// Deletes the videos and files that were created in a period, with all that belongs to them.
#[utoipa::path(
    post, path = "/v1/account/erasures", tag = "account", operation_id = "create_erasure", request_body = CreateBody,
    responses(
        (status = 200, body = ErasureView, description = "They are gone; the receipt, with its token"),
        (status = 202, body = ErasureView, description = "They are going; the receipt so far, with its token"),
        (status = 400, body = ErrorBody, description = "A field cannot be accepted; `param` names it"),
        (status = 409, body = ErrorBody, description = "A legal hold keeps everything for now"),
        (status = 413, body = ErrorBody, description = "The body is too large"),
        (status = 415, body = ErrorBody, description = "No JSON"),
    )
)]
pub(crate) async fn create(
    State(app): State<App>,
    Caller(account): Caller,
    request: Request,
) -> Result<(StatusCode, Json<ErasureView>), Problem> {
    let form = Form::read(request, &["from", "until"]).await?;
    let (from, until) = (moment(&form, "from")?, moment(&form, "until")?);
    if from >= until {
        return Err(Problem::invalid("until", "must be later than from"));
    }
    let (erasure, token) = erasure::request(&app.pool, account, Wish::Period(from, until)).await?;
    Ok(carry_out(&app, erasure, Some(token)).await)
}

/// A moment between 1970 and 9999.
fn moment(form: &Form, name: &'static str) -> Result<DateTime<Utc>, Problem> {
    const LATEST: i64 = 253_402_300_799;
    let seconds = form.integer(name)?.filter(|seconds| (0..=LATEST).contains(seconds));
    let moment = seconds.and_then(|seconds| DateTime::from_timestamp(seconds, 0));
    moment.ok_or_else(|| Problem::invalid(name, &format!("must be Unix seconds from 0 to {LATEST}")))
}

/// Shows how a deletion stands.
#[utoipa::path(
    get, path = "/v1/account/erasures/{id}", tag = "account", operation_id = "get_erasure",
    params(("id" = String, Path, description = "The deletion's id")),
    responses(
        (status = 200, body = ErasureView, description = "The receipt"),
        (status = 404, body = ErrorBody, description = "The account has no such deletion"),
    )
)]
pub(crate) async fn get(
    State(app): State<App>,
    Caller(account): Caller,
    Named(id): Named<ErasureId>,
) -> Result<Json<ErasureView>, Problem> {
    let erasure = erasure::find(&app.pool, account, id).await?.ok_or_else(Problem::no_erasure)?;
    Ok(Json(ErasureView::new(erasure, None)))
}

/// Shows the receipt of a deletion to whoever has its token.
#[utoipa::path(
    get, path = "/v1/receipts/{token}", tag = "account", operation_id = "get_receipt", security(()),
    params(("token" = String, Path, description = "The token that was told when the deletion was asked for")),
    responses(
        (status = 200, body = ErasureView, description = "The receipt"),
        (status = 404, body = ErrorBody, description = "There is no receipt for this token"),
    )
)]
pub(crate) async fn receipt(State(app): State<App>, Path(token): Path<String>) -> Result<Json<ErasureView>, Problem> {
    let token = ReceiptToken::parse(&token).ok_or_else(Problem::no_receipt)?;
    let erasure = erasure::find_by_token(&app.pool, &token).await?.ok_or_else(Problem::no_receipt)?;
    Ok(Json(ErasureView::new(erasure, None)))
}
