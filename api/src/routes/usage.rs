//! `GET /v1/usage`: what the account used, by day, tier and key, as JSON or CSV.

use std::collections::HashMap;
use std::fmt::Write as _;

use axum::Json;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use axum::http::HeaderMap;
use axum::http::header::{ACCEPT, CONTENT_TYPE};
use axum::response::{IntoResponse, Response};
use chrono::NaiveDate;
use clipmill_shared::accounts::usage::{self, DAYS_MAX, GroupBy, LINES_MAX, Line, Period};
use clipmill_shared::id::KeyId;
use clipmill_shared::tier::Tier;
use serde::Serialize;
use utoipa::ToSchema;

use crate::app::App;
use crate::auth::Caller;
use crate::problem::{ErrorBody, Problem};

/// What an account used.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct UsagePageView {
    /// Always `list`
    #[schema(example = "list")]
    object: &'static str,
    /// The first day, in UTC
    #[schema(value_type = String, format = Date, example = "2026-11-01")]
    from: NaiveDate,
    /// The last day, in UTC
    #[schema(value_type = String, format = Date, example = "2026-11-30")]
    to: NaiveDate,
    /// A line for each day, tier and key that is kept apart
    data: Vec<UsageLineView>,
    /// All lines together
    total: UsageLineView,
}

/// Finished videos and what they count for.
#[derive(Debug, Default, Serialize, ToSchema)]
pub(crate) struct UsageLineView {
    /// The day on which they were finished, in UTC; null if days are not kept apart
    #[schema(value_type = Option<String>, format = Date)]
    day: Option<NaiveDate>,
    /// `fast` or `pro`; null if tiers are not kept apart
    #[schema(value_type = Option<String>)]
    tier: Option<Tier>,
    /// The key that submitted them; null if keys are not kept apart, or it is not known
    #[schema(value_type = Option<String>)]
    api_key_id: Option<KeyId>,
    /// How many
    jobs: i64,
    /// How long they are together
    seconds: i64,
    /// Millions of pixels shown, times seconds
    billable_units: f64,
}

/// Tells what the account used: finished videos, their seconds and billable units. A video counts once, however many attempts
/// it took, and stays counted when it is deleted.
#[utoipa::path(
    get, path = "/v1/usage", tag = "usage", summary = "Tells what the account used.",
    params(
        ("from" = Option<String>, Query, format = Date, description = "The first day, in UTC; 30 days before `to` if left out"),
        ("to" = Option<String>, Query, format = Date, description = "The last day; today if left out"),
        ("group_by" = Option<String>, Query, description = "What is kept apart, of `day`, `tier` and `key`, with commas; all if left out"),
        ("format" = Option<String>, Query, description = "`json` (the default) or `csv`; also by `Accept: text/csv`"),
    ),
    responses(
        (status = 200, description = "What was used", content((UsagePageView = "application/json"), (String = "text/csv"))),
        (status = 400, body = ErrorBody, description = "A parameter cannot be accepted; `param` names it"),
    )
)]
pub(crate) async fn usage(
    State(app): State<App>,
    Caller(account): Caller,
    query: Result<Query<HashMap<String, String>>, QueryRejection>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let Query(query) = query.map_err(|_| Problem::body("the query string is malformed"))?;
    let asked = Asked::of(&query, &headers)?;
    let period = usage::period(&app.pool, asked.from, asked.to).await?;
    check(period)?;
    let (lines, more) = usage::read(&app.pool, account, period, asked.by).await?;
    if more {
        let allowed =
            format!("must keep less apart, or from and to lie closer together: there are more than {LINES_MAX} lines");
        return Err(Problem::invalid("group_by", &allowed));
    }
    let lines: Vec<UsageLineView> = lines.into_iter().map(UsageLineView::of).collect();
    Ok(match asked.csv {
        true => ([(CONTENT_TYPE, "text/csv; charset=utf-8")], csv(&lines)).into_response(),
        false => {
            let total = UsageLineView::total(&lines);
            Json(UsagePageView { object: "list", from: period.from, to: period.to, data: lines, total }).into_response()
        }
    })
}

/// What a request asks for.
#[derive(Debug)]
struct Asked {
    from: Option<NaiveDate>,
    to: Option<NaiveDate>,
    by: GroupBy,
    csv: bool,
}

impl Asked {
    fn of(query: &HashMap<String, String>, headers: &HeaderMap) -> Result<Self, Problem> {
        let known = ["from", "to", "group_by", "format"];
        if let Some(name) = query.keys().find(|name| !known.contains(&name.as_str())) {
            return Err(Problem::unknown_field(&name.chars().take(64).collect::<String>()));
        }
        let accept = headers.get(ACCEPT).and_then(|value| value.to_str().ok()).unwrap_or_default();
        let csv = match query.get("format").map(String::as_str) {
            None => accept.starts_with("text/csv"),
            Some("json") => false,
            Some("csv") => true,
            Some(_) => return Err(Problem::invalid("format", "must be json or csv")),
        };
        let by =
            query.get("group_by").map_or(Ok(GroupBy { day: true, tier: true, key: true }), |text| group_by(text))?;
        Ok(Self { from: day(query, "from")?, to: day(query, "to")?, by, csv })
    }
}

fn day(query: &HashMap<String, String>, name: &'static str) -> Result<Option<NaiveDate>, Problem> {
    let Some(text) = query.get(name) else { return Ok(None) };
    // Not everything that chrono can count do others: four digits, from the year 1970 on.
    let day =
        text.parse().ok().filter(|day: &NaiveDate| text.len() == 10 && day.format("%Y").to_string().as_str() >= "1970");
    day.map(Some).ok_or_else(|| Problem::invalid(name, "must be a day as YYYY-MM-DD, from 1970 on"))
}

fn group_by(text: &str) -> Result<GroupBy, Problem> {
    let mut by = GroupBy::default();
    for part in text.split(',').map(str::trim).filter(|part| !part.is_empty()) {
        match part {
            "day" => by.day = true,
            "tier" => by.tier = true,
            "key" => by.key = true,
            _ => return Err(Problem::invalid("group_by", "must be some of day, tier and key, with commas")),
        }
    }
    Ok(by)
}

fn check(period: Period) -> Result<(), Problem> {
    let days = (period.to - period.from).num_days() + 1;
    match days {
        ..=0 => Err(Problem::invalid("from", "must not lie after to")),
        days if days > DAYS_MAX => {
            Err(Problem::invalid("from", &format!("must lie at most {DAYS_MAX} days before to")))
        }
        _ => Ok(()),
    }
}

impl UsageLineView {
    fn of(line: Line) -> Self {
        Self {
            day: line.day,
            tier: line.tier,
            api_key_id: line.key,
            jobs: line.jobs,
            seconds: line.seconds,
            billable_units: line.billable_units,
        }
    }

    fn total(lines: &[Self]) -> Self {
        lines.iter().fold(Self::default(), |total, line| Self {
            jobs: total.jobs + line.jobs,
            seconds: total.seconds + line.seconds,
            billable_units: total.billable_units + line.billable_units,
            ..total
        })
    }
}

/// The lines with a head. No value needs quotes: days, words, ids and numbers.
fn csv(lines: &[UsageLineView]) -> String {
    let mut text = "day,tier,api_key_id,jobs,seconds,billable_units\r\n".to_owned();
    for line in lines {
        let day = line.day.map_or(String::new(), |day| day.to_string());
        let (tier, key) =
            (line.tier.map_or("", Tier::as_str), line.api_key_id.map_or(String::new(), |key| key.to_string()));
        let _ = write!(text, "{day},{tier},{key},{},{},{}\r\n", line.jobs, line.seconds, line.billable_units);
    }
    text
}
