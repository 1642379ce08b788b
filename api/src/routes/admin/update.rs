//! `PATCH /v1/admin/accounts/{id}`: what an account may do, legal holds and limitation.

use axum::Json;
use axum::extract::{Request, State};
use chrono::{DateTime, Utc};
use clipmill_shared::accounts::audit::Action;
use clipmill_shared::accounts::hold::REASON_MAX_CHARS;
use clipmill_shared::accounts::limitation::{self, By};
use clipmill_shared::accounts::profile::Terms;
use clipmill_shared::accounts::{credits, hold, profile, watermark};
use clipmill_shared::db::{self, Connection};
use clipmill_shared::id::AccountId;
use serde::Deserialize;
use utoipa::ToSchema;

use super::view::AdminAccountView;
use super::{Named, record};
use crate::app::App;
use crate::auth::Staff;
use crate::form::Form;
use crate::problem::{ErrorBody, Problem};

const FIELDS: [&str; 9] = [
    "max_running",
    "max_queued",
    "max_pinned",
    "billing_reference",
    "metered",
    "processing_limited",
    "legal_hold_reason",
    "legal_hold_until",
    "watermark_required",
];

/// What to change; what is left out stays.
#[derive(Deserialize, ToSchema)]
#[schema(as = AdminUpdateAccountBody)]
#[expect(dead_code, reason = "describes the body for readers; `Form` reads it")]
pub(crate) struct UpdateBody {
    /// How many of its jobs may be worked on at the same time; 0 means any number
    #[schema(minimum = 0)]
    max_running: Option<i32>,
    /// How many of its jobs may wait; 0 means any number
    #[schema(minimum = 0)]
    max_queued: Option<i32>,
    /// How many finished videos it may pin; those that are pinned stay so
    #[schema(minimum = 0, example = 100)]
    max_pinned: Option<i32>,
    /// What the payment provider calls it; an empty text takes it away. Nothing else about payment belongs here
    #[schema(max_length = 200, example = "cus_123")]
    billing_reference: Option<String>,
    /// Whether its submits need credits, from the next one on
    metered: Option<bool>,
    /// True stops all processing, which the account cannot end itself; false lets it go on
    processing_limited: Option<bool>,
    /// Why the law has everything kept for now; an empty text ends the hold
    #[schema(max_length = 500)]
    legal_hold_reason: Option<String>,
    /// Unix seconds until which the hold lasts, with `legal_hold_reason`
    legal_hold_until: Option<i64>,
    /// Whether each of its videos has to carry a visible mark, from the next submit on: its own, or else the service's
    watermark_required: Option<bool>,
}

/// Changes what an account may do. That is in its audit log, with the names of the fields.
#[utoipa::path(
    patch, path = "/v1/admin/accounts/{id}", tag = "admin", operation_id = "admin_update_account", security(("operator_key" = [])),
    params(("id" = String, Path, description = "The account's id")), request_body = UpdateBody,
    responses(
        (status = 200, body = AdminAccountView, description = "The account as it is now"),
        (status = 400, body = ErrorBody, description = "A field cannot be accepted; `param` names it"),
        (status = 404, body = ErrorBody, description = "There is no such account"),
        (status = 413, body = ErrorBody, description = "The body is too large"),
        (status = 415, body = ErrorBody, description = "No JSON"),
    )
)]
pub(crate) async fn update(
    State(app): State<App>,
    staff: Staff,
    Named(account): Named<AccountId>,
    request: Request,
) -> Result<Json<AdminAccountView>, Problem> {
    let form = Form::read(request, &FIELDS).await?;
    let terms = Terms {
        max_running: limit(&form, "max_running")?,
        max_queued: limit(&form, "max_queued")?,
        billing_reference: billing_reference(&form)?,
        max_pinned: number(&form, "max_pinned")?,
    };
    let marked = form.boolean("watermark_required")?;
    let (metered, limited, held) = (form.boolean("metered")?, form.boolean("processing_limited")?, held(&form)?);
    let mut tx = db::begin(&app.pool).await?;
    profile::set_terms(&mut tx, account, &terms).await?;
    if let Some(metered) = metered {
        credits::set_metered(&mut tx, account, metered).await?;
    }
    if let Some(required) = marked {
        watermark::require(&mut tx, account, required).await?;
    }
    if let Some(hold) = &held {
        hold::set(&mut tx, account, hold.as_ref().map(|(reason, until)| (reason.as_str(), *until))).await?;
    }
    limitation(&mut tx, account, limited).await?;
    let changed: Vec<String> = FIELDS.into_iter().filter(|field| form.has(field)).map(str::to_owned).collect();
    let action = match (held.is_some(), limited.is_some()) {
        (true, _) => Action::HoldChanged,
        (false, true) => Action::ProcessingLimited,
        (false, false) => Action::AccountChanged,
    };
    record(&mut tx, account, &staff, action, &changed).await?;
    tx.commit().await?;
    let profile = profile::find(&app.pool, account).await?.ok_or_else(Problem::no_account)?;
    Ok(Json(AdminAccountView::new(profile)))
}

async fn limitation(tx: &mut Connection, account: AccountId, limited: Option<bool>) -> Result<(), Problem> {
    match limited {
        Some(true) => Ok(limitation::begin(tx, account, By::Operator).await?),
        Some(false) => Ok(limitation::end(tx, account, By::Operator).await?),
        None => Ok(()),
    }
}

/// A limit: none within is no limit.
fn limit(form: &Form, name: &'static str) -> Result<Option<Option<i32>>, Problem> {
    Ok(number(form, name)?.map(|limit| Some(limit).filter(|limit| *limit > 0)))
}

fn number(form: &Form, name: &'static str) -> Result<Option<i32>, Problem> {
    let refused = || Problem::invalid(name, &format!("must be a whole number from 0 to {}", i32::MAX));
    let number = form.integer(name)?;
    number.map(|number| i32::try_from(number).ok().filter(|number| *number >= 0).ok_or_else(refused)).transpose()
}

fn billing_reference(form: &Form) -> Result<Option<Option<String>>, Problem> {
    let Some(text) = form.text("billing_reference")? else { return Ok(None) };
    // Whoever pastes a card's number here has it neither stored nor logged.
    let digits = text.chars().filter(char::is_ascii_digit).count();
    let others = text.chars().filter(|c| !c.is_ascii_digit() && !matches!(c, ' ' | '-')).count();
    if text.chars().count() > 200 || text.contains('\0') || (digits >= 12 && others == 0) {
        let allowed =
            "must be the provider's own name for the account, of at most 200 characters, and no number of a card";
        return Err(Problem::invalid("billing_reference", allowed));
    }
    Ok(Some(Some(text).filter(|text| !text.is_empty())))
}

/// A hold: none within ends it.
type Held = Option<(String, DateTime<Utc>)>;

fn held(form: &Form) -> Result<Option<Held>, Problem> {
    match (form.text("legal_hold_reason")?, form.integer("legal_hold_until")?) {
        (None, None) => Ok(None),
        (Some(reason), None) if reason.is_empty() => Ok(Some(None)),
        (Some(reason), Some(until))
            if (1..=REASON_MAX_CHARS).contains(&reason.chars().count()) && !reason.contains('\0') =>
        {
            let until = (0..=253_402_300_799).contains(&until).then(|| DateTime::from_timestamp(until, 0)).flatten();
            let refused = || Problem::invalid("legal_hold_until", "must be Unix seconds before the year 10000");
            Ok(Some(Some((reason, until.ok_or_else(refused)?))))
        }
        _ => Err(Problem::invalid(
            "legal_hold_reason",
            "must have 1 to 500 characters and come with legal_hold_until, or be empty to end the hold",
        )),
    }
}
