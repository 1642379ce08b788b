//! `PATCH /v1/account`: correction, limitation and consent.

use axum::Json;
use axum::extract::{Request, State};
use clipmill_shared::accounts::consent;
use clipmill_shared::accounts::limitation::{self, By};
use clipmill_shared::accounts::profile::{self, Change};
use clipmill_shared::accounts::watermark as marks;
use clipmill_shared::db;
use clipmill_shared::tier::Tier;
use serde::Deserialize;
use utoipa::ToSchema;

use super::get::view;
use super::view::AccountView;
use crate::app::App;
use crate::auth::Caller;
use crate::form::Form;
use crate::problem::{ErrorBody, Problem};
use crate::watermark;
use crate::watermark::view::AccountWatermarkBody;

const FIELDS: [&str; 8] = [
    "name",
    "email",
    "keep_history",
    "retention_seconds",
    "training_consent",
    "training_consent_wording",
    "processing_limited",
    "watermark",
];

/// What to change; what is left out stays.
#[derive(Deserialize, ToSchema)]
#[schema(as = UpdateAccountBody)]
#[expect(dead_code, reason = "describes the body for readers; `Form` reads it")]
pub(crate) struct UpdateBody {
    /// What it calls itself
    #[schema(min_length = 1, max_length = 200)]
    name: Option<String>,
    /// Where its owner is reached; an empty text takes it away
    #[schema(max_length = 320, example = "ada@example.com")]
    email: Option<String>,
    /// Whether prompts, source images and records stay until they are deleted
    keep_history: Option<bool>,
    /// How long finished media are kept when a request does not say, in seconds; 0 means as the tier says
    #[schema(minimum = 0)]
    retention_seconds: Option<i64>,
    /// Whether finished videos may be used for training; true only with the wording that was agreed to
    training_consent: Option<bool>,
    /// The version of the wording that was shown
    #[schema(min_length = 1, max_length = 100, example = "2026-11")]
    training_consent_wording: Option<String>,
    /// True stops all processing: submits are refused, running jobs are given back, waiting ones wait. False lets it go on, unless an operator
    /// stopped it
    processing_limited: Option<bool>,
    /// The visible mark that its videos carry where one is asked for or required; null takes it away, and the service's own takes its place
    watermark: Option<AccountWatermarkBody>,
}

/// Changes the account.
#[utoipa::path(
    patch, path = "/v1/account", tag = "account", operation_id = "update_account", request_body = UpdateBody,
    responses(
        (status = 200, body = AccountView, description = "The account as it is now"),
        (status = 400, body = ErrorBody, description = "A field cannot be accepted; `param` names it"),
        (status = 403, body = ErrorBody, description = "An operator stopped the processing, or the key may not do this"),
        (status = 413, body = ErrorBody, description = "The body is too large"),
        (status = 415, body = ErrorBody, description = "No JSON"),
    )
)]
pub(crate) async fn update(
    State(app): State<App>,
    Caller(account): Caller,
    request: Request,
) -> Result<Json<AccountView>, Problem> {
    let form = Form::read(request, &FIELDS).await?;
    let change = Change {
        name: form.text("name")?,
        email: form.text("email")?.map(|email| Some(email).filter(|email| !email.is_empty())),
        keep_history: form.boolean("keep_history")?,
        retention_seconds: form.integer("retention_seconds")?.map(retention).transpose()?,
    };
    let consents = consents(&form)?;
    let limited = form.boolean("processing_limited")?;
    let mark = watermark::of_account(&app, &form).await?;
    let mut tx = db::begin(&app.pool).await?;
    profile::update(&mut tx, account, &change).await?;
    if let Some((given, wording)) = consents {
        consent::set(&mut tx, account, given, &wording).await?;
    }
    if let Some(mark) = &mark {
        marks::set(&mut tx, account, mark.as_ref()).await?;
    }
    match limited {
        Some(true) => limitation::begin(&mut tx, account, By::Account).await?,
        Some(false) => limitation::end(&mut tx, account, By::Account).await?,
        None => {}
    }
    tx.commit().await?;
    view(&app, account).await.map(Json)
}

/// How long media are kept: none is as the tier says.
fn retention(seconds: i64) -> Result<Option<i32>, Problem> {
    let most = Tier::ALL.map(|tier| tier.limits().retention.max_seconds).into_iter().max().unwrap_or_default();
    let read = i32::try_from(seconds).ok().filter(|seconds| (0..=i64::from(most)).contains(&i64::from(*seconds)));
    let refused = || Problem::invalid("retention_seconds", &format!("must be a whole number from 0 to {most}"));
    read.map(|seconds| Some(seconds).filter(|seconds| *seconds > 0)).ok_or_else(refused)
}

/// What is agreed to, or taken back, and in which wording.
fn consents(form: &Form) -> Result<Option<(bool, String)>, Problem> {
    match (form.boolean("training_consent")?, form.text("training_consent_wording")?) {
        (Some(true), None) => Err(Problem::invalid(
            "training_consent_wording",
            "must say which wording was agreed to, with training_consent",
        )),
        (Some(given), wording) => Ok(Some((given, wording.unwrap_or_else(|| "withdrawn".to_owned())))),
        (None, Some(_)) => {
            Err(Problem::invalid("training_consent", "must say whether it is agreed to, with training_consent_wording"))
        }
        (None, None) => Ok(None),
    }
}
