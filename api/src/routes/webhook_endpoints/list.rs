//! `GET /v1/webhook_endpoints`: the account's endpoints, page by page.

use axum::Json;
use axum::extract::State;
use clipmill_shared::id::EndpointId;
use clipmill_shared::webhooks::endpoint;
use serde::Serialize;
use utoipa::ToSchema;

use super::view::EndpointView;
use crate::app::App;
use crate::auth::Caller;
use crate::page::Page;
use crate::problem::{ErrorBody, Problem};

/// A page of endpoints.
#[derive(Serialize, ToSchema)]
#[schema(as = WebhookEndpointPageView)]
pub(crate) struct PageView {
    /// Always `list`
    #[schema(example = "list")]
    object: &'static str,
    /// The endpoints
    data: Vec<EndpointView>,
    /// The first endpoint's id
    first_id: Option<String>,
    /// The last endpoint's id: give it as `after` for the next page
    last_id: Option<String>,
    /// Whether there are more
    has_more: bool,
}

/// Lists the account's webhook endpoints.
#[utoipa::path(
    get, path = "/v1/webhook_endpoints", tag = "webhooks", operation_id = "list_webhook_endpoints",
    params(
        ("limit" = Option<u32>, Query, description = "Endpoints a page, 0 to 100; 20 if left out", minimum = 0, maximum = 100),
        ("order" = Option<String>, Query, description = "`desc` (newest first, the default) or `asc`"),
        ("after" = Option<String>, Query, description = "Continue after this endpoint"),
    ),
    responses(
        (status = 200, body = PageView, description = "A page"),
        (status = 400, body = ErrorBody, description = "A parameter cannot be accepted; `param` names it"),
    )
)]
pub(crate) async fn list(
    State(app): State<App>,
    Caller(account): Caller,
    page: Page<EndpointId>,
) -> Result<Json<PageView>, Problem> {
    let mut read = endpoint::list(&app.pool, account, page.descending, page.after, page.reach()).await?;
    let has_more = page.cut(&mut read);
    let (first_id, last_id) = (read.first().map(|one| one.id.to_string()), read.last().map(|one| one.id.to_string()));
    let data = read.into_iter().map(|endpoint| EndpointView::new(&app.vault, endpoint)).collect::<Result<_, _>>()?;
    Ok(Json(PageView { object: "list", data, first_id, last_id, has_more }))
}
