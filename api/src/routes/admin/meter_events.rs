//! `GET /v1/admin/meter_events`: what a billing provider is to count, to be pulled.

use std::collections::{BTreeSet, HashMap};

use axum::Json;
use axum::extract::State;
use chrono::{DateTime, Utc};
use clipmill_shared::accounts::audit::Action;
use clipmill_shared::accounts::credits::{self, Cursor, MeterEvent};
use clipmill_shared::db;
use clipmill_shared::id::{AccountId, JobId};
use clipmill_shared::tier::Tier;
use serde::Serialize;
use utoipa::ToSchema;

use super::record;
use crate::app::App;
use crate::auth::Staff;
use crate::page::{self, Parameters};
use crate::problem::{ErrorBody, Problem};

/// Events on a page at most.
const LIMIT: u32 = 1000;

/// A page of meter events.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct MeterPageView {
    /// Always `list`
    #[schema(example = "list")]
    object: &'static str,
    /// The events, in the order in which they were counted
    data: Vec<MeterEventView>,
    /// Give it as `after` for what comes after this page, now or later
    next: Option<String>,
    /// Whether there is more already
    has_more: bool,
}

/// A finished video to be counted.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct MeterEventView {
    /// The same however often the event is read: a provider that knows it counts it once
    #[schema(value_type = String, example = "video_01934b6c2a7e7c3e9b1f0a2d4c6e8f10")]
    identifier: JobId,
    /// Always `clipmill.video`
    #[schema(example = "clipmill.video")]
    event_name: &'static str,
    /// Whose video
    #[schema(value_type = String)]
    account_id: AccountId,
    /// What the provider calls the account, if it was set
    billing_reference: Option<String>,
    /// `fast` or `pro`
    #[schema(value_type = String)]
    tier: Tier,
    /// Length in seconds
    seconds: i32,
    /// Pixels shown times seconds
    pixel_seconds: i64,
    /// What it cost in credits, if the account is metered
    credits: Option<i64>,
    /// Unix seconds
    timestamp: i64,
}

impl From<MeterEvent> for MeterEventView {
    fn from(event: MeterEvent) -> Self {
        Self {
            identifier: event.job_id,
            event_name: "clipmill.video",
            account_id: event.account_id,
            billing_reference: event.billing_reference,
            tier: event.tier,
            seconds: event.seconds,
            pixel_seconds: event.pixel_seconds,
            credits: event.credits,
            timestamp: event.created_at.timestamp(),
        }
    }
}

/// Lists finished videos for a billing provider, oldest first, but for those of the last minute. Their accounts have that in their
/// audit logs. Nothing is missed and nothing told
/// twice to whoever goes on from `next`; after a fault, reading again gives the same identifiers.
#[utoipa::path(
    get, path = "/v1/admin/meter_events", tag = "admin", operation_id = "admin_list_meter_events", security(("operator_key" = [])),
    summary = "Lists finished videos for a billing provider.",
    params(
        ("limit" = Option<u32>, Query, description = "Events a page, 1 to 1000; 1000 if left out", minimum = 1, maximum = 1000),
        ("after" = Option<String>, Query, description = "`next` of the page before"),
    ),
    responses(
        (status = 200, body = MeterPageView, description = "A page"),
        (status = 400, body = ErrorBody, description = "A parameter cannot be accepted; `param` names it"),
    )
)]
pub(crate) async fn meter_events(
    State(app): State<App>,
    staff: Staff,
    parameters: Parameters,
) -> Result<Json<MeterPageView>, Problem> {
    let (after, limit) = parse(page::read(parameters)?)?;
    let mut events = credits::meter_events(&app.pool, after, i64::from(limit) + 1).await?;
    let has_more = events.len() > limit as usize;
    events.truncate(limit as usize);
    note(&app, &staff, &events).await?;
    let last = events.last().map(|event| Cursor { created_at: event.created_at, job_id: event.job_id.uuid() });
    let next = last.or(after).map(written);
    Ok(Json(MeterPageView { object: "list", data: events.into_iter().map(Into::into).collect(), next, has_more }))
}

/// Each account whose videos are shown has that in its audit log.
async fn note(app: &App, staff: &Staff, events: &[MeterEvent]) -> Result<(), Problem> {
    let accounts: BTreeSet<AccountId> = events.iter().map(|event| event.account_id).collect();
    let mut tx = db::begin(&app.pool).await?;
    for account in accounts {
        record(&mut tx, account, staff, Action::UsageRead, &[]).await?;
    }
    Ok(tx.commit().await?)
}

fn parse(parameters: HashMap<String, String>) -> Result<(Option<Cursor>, u32), Problem> {
    let (mut after, mut limit) = (None, LIMIT);
    for (name, value) in parameters {
        match name.as_str() {
            "after" => {
                let refused = || Problem::invalid("after", "must be `next` of an earlier page");
                after = Some(read(&value).ok_or_else(refused)?);
            }
            "limit" => {
                let refused = || Problem::invalid("limit", &format!("must be a whole number from 1 to {LIMIT}"));
                limit = value.parse().ok().filter(|limit| (1..=LIMIT).contains(limit)).ok_or_else(refused)?;
            }
            _ => return Err(page::unknown(&name)),
        }
    }
    Ok((after, limit))
}

/// A place among the events, as text: microseconds, and the video.
fn written(cursor: Cursor) -> String {
    format!("{}-{}", cursor.created_at.timestamp_micros(), JobId::from(cursor.job_id))
}

fn read(text: &str) -> Option<Cursor> {
    let (micros, job) = text.split_once('-')?;
    let created_at: DateTime<Utc> = DateTime::from_timestamp_micros(micros.parse().ok()?)?;
    // What Postgres can hold, with room to spare.
    let is_sane = (0..=253_402_300_799).contains(&created_at.timestamp());
    Some(Cursor { created_at, job_id: job.parse::<JobId>().ok()?.uuid() }).filter(|_| is_sane)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_reads_back_what_it_wrote() {
        let cursor = Cursor {
            created_at: DateTime::from_timestamp_micros(1_800_000_000_123_456).expect("a moment"),
            job_id: JobId::new().uuid(),
        };
        let again = read(&written(cursor)).expect("a place");
        assert_eq!((again.created_at, again.job_id), (cursor.created_at, cursor.job_id));
        for refused in [
            "",
            "-",
            "1",
            "x-video_00000000000000000000000000000000",
            "300000000000000000-video_00000000000000000000000000000000",
        ] {
            assert!(read(refused).is_none(), "{refused}");
        }
    }
}
