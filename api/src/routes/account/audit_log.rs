//! `GET /v1/account/audit_log`: what operators did with the account.

use axum::Json;
use axum::extract::State;
use clipmill_shared::accounts::audit::{self, Entry};
use clipmill_shared::id::AuditId;
use serde::Serialize;
use utoipa::ToSchema;

use crate::app::App;
use crate::auth::Caller;
use crate::page::Page;
use crate::problem::{ErrorBody, Problem};

/// A page of the audit log.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct AuditPageView {
    /// Always `list`
    #[schema(example = "list")]
    object: &'static str,
    /// The entries
    data: Vec<AuditView>,
    /// The last entry's id: give it as `after` for the next page
    #[schema(value_type = Option<String>)]
    last_id: Option<AuditId>,
    /// Whether there are more
    has_more: bool,
}

/// An operator's access to the account.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct AuditView {
    /// Names the entry
    #[schema(value_type = String)]
    id: AuditId,
    /// Who it was
    #[schema(example = "operator grace")]
    actor: String,
    /// What was done
    #[schema(example = "videos.read")]
    action: String,
    /// With which fields or things
    detail: Vec<String>,
    /// Unix seconds
    created_at: i64,
}

impl AuditView {
    fn new(entry: Entry) -> Self {
        let Entry { id, actor, action, detail, created_at } = entry;
        Self { id, actor, action, detail, created_at: created_at.timestamp() }
    }
}

/// Lists what operators of this service did with the account.
#[utoipa::path(
    get, path = "/v1/account/audit_log", tag = "account",
    params(
        ("limit" = Option<u32>, Query, description = "Entries a page, 0 to 100; 20 if left out", minimum = 0, maximum = 100),
        ("order" = Option<String>, Query, description = "`desc` (newest first, the default) or `asc`"),
        ("after" = Option<String>, Query, description = "Continue after this entry"),
    ),
    responses(
        (status = 200, body = AuditPageView, description = "A page"),
        (status = 400, body = ErrorBody, description = "A parameter cannot be accepted; `param` names it"),
    )
)]
pub(crate) async fn audit_log(
    State(app): State<App>,
    Caller(account): Caller,
    page: Page<AuditId>,
) -> Result<Json<AuditPageView>, Problem> {
    let mut entries = audit::list(&app.pool, account, page.descending, page.after, page.reach()).await?;
    let has_more = page.cut(&mut entries);
    let last_id = entries.last().map(|entry| entry.id);
    Ok(Json(AuditPageView {
        object: "list",
        data: entries.into_iter().map(AuditView::new).collect(),
        last_id,
        has_more,
    }))
}
