//! `GET /v1/destinations`: the account's destinations, page by page.

use axum::Json;
use axum::extract::State;
use clipmill_shared::destinations;
use clipmill_shared::id::DestinationId;
use serde::Serialize;
use utoipa::ToSchema;

use super::view::DestinationView;
use crate::app::App;
use crate::auth::Caller;
use crate::page::Page;
use crate::problem::{ErrorBody, Problem};

/// A page of destinations.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct DestinationPageView {
    /// Always `list`
    #[schema(example = "list")]
    object: &'static str,
    /// The destinations
    data: Vec<DestinationView>,
    /// The first destination's id
    first_id: Option<String>,
    /// The last destination's id: give it as `after` for the next page
    last_id: Option<String>,
    /// Whether there are more
    has_more: bool,
}

/// Lists the account's destinations.
#[utoipa::path(
    get, path = "/v1/destinations", tag = "destinations", operation_id = "list_destinations",
    params(
        ("limit" = Option<u32>, Query, description = "Destinations a page, 0 to 100; 20 if left out", minimum = 0, maximum = 100),
        ("order" = Option<String>, Query, description = "`desc` (newest first, the default) or `asc`"),
        ("after" = Option<String>, Query, description = "Continue after this destination"),
    ),
    responses(
        (status = 200, body = DestinationPageView, description = "A page"),
        (status = 400, body = ErrorBody, description = "A parameter cannot be accepted; `param` names it"),
    )
)]
pub(crate) async fn list(
    State(app): State<App>,
    Caller(account): Caller,
    page: Page<DestinationId>,
) -> Result<Json<DestinationPageView>, Problem> {
    let mut read = destinations::list(&app.pool, account, page.descending, page.after, page.reach()).await?;
    let has_more = page.cut(&mut read);
    let (first_id, last_id) = (read.first().map(|one| one.id.to_string()), read.last().map(|one| one.id.to_string()));
    let data = read.into_iter().map(DestinationView::from).collect();
    Ok(Json(DestinationPageView { object: "list", data, first_id, last_id, has_more }))
}
