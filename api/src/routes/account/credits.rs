//! `GET /v1/account/credits`: how the account's credits stand, and how they came to.

use axum::Json;
use axum::extract::State;
use clipmill_shared::accounts::credits::{self, Entry, Kind};
use clipmill_shared::id::{CreditId, JobId};
use serde::Serialize;
use utoipa::ToSchema;

use crate::app::App;
use crate::auth::Caller;
use crate::page::Page;
use crate::problem::{ErrorBody, Problem};

/// How the credits of an account stand, with a page of what happened to them.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct CreditsView {
    /// Always `list`
    #[schema(example = "list")]
    object: &'static str,
    /// Whether submits need credits
    metered: bool,
    /// What further submits may reserve
    available: i64,
    /// All that was granted
    granted: i64,
    /// What jobs that have not ended may come to cost
    reserved: i64,
    /// What finished videos cost
    charged: i64,
    /// What happened
    data: Vec<CreditView>,
    /// The last entry's id: give it as `after` for the next page
    #[schema(value_type = Option<String>)]
    last_id: Option<CreditId>,
    /// Whether there are more
    has_more: bool,
}

/// Something that happened to credits.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct CreditView {
    /// Names the entry
    #[schema(value_type = String)]
    id: CreditId,
    /// `grant`, `reservation`, `charge` or `release`
    #[schema(value_type = String, example = "charge")]
    kind: Kind,
    /// How many; below zero for a grant that was taken back
    credits: i64,
    /// For which video
    #[schema(value_type = Option<String>)]
    video_id: Option<JobId>,
    /// What the operator said of a grant
    note: Option<String>,
    /// Unix seconds
    created_at: i64,
}

impl CreditView {
    fn new(entry: Entry) -> Self {
        let Entry { id, kind, credits, job_id, note, created_at } = entry;
        Self { id, kind, credits, video_id: job_id, note, created_at: created_at.timestamp() }
    }
}

/// Shows how the account's credits stand, and lists what happened to them.
#[utoipa::path(
    get, path = "/v1/account/credits", tag = "account",
    params(
        ("limit" = Option<u32>, Query, description = "Entries a page, 0 to 100; 20 if left out", minimum = 0, maximum = 100),
        ("order" = Option<String>, Query, description = "`desc` (newest first, the default) or `asc`"),
        ("after" = Option<String>, Query, description = "Continue after this entry"),
    ),
    responses(
        (status = 200, body = CreditsView, description = "The credits"),
        (status = 400, body = ErrorBody, description = "A parameter cannot be accepted; `param` names it"),
    )
)]
pub(crate) async fn credits(
    State(app): State<App>,
    Caller(account): Caller,
    page: Page<CreditId>,
) -> Result<Json<CreditsView>, Problem> {
    let balance = credits::balance(&app.pool, account).await?;
    let mut entries = credits::list(&app.pool, account, page.descending, page.after, page.reach()).await?;
    let has_more = page.cut(&mut entries);
    Ok(Json(CreditsView {
        object: "list",
        metered: balance.metered,
        available: balance.available(),
        granted: balance.granted,
        reserved: balance.reserved,
        charged: balance.charged,
        last_id: entries.last().map(|entry| entry.id),
        data: entries.into_iter().map(CreditView::new).collect(),
        has_more,
    }))
}
