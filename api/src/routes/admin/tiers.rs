//! `/v1/admin/tiers/{tier}`: letting a whole tier rest.

use axum::Json;
use axum::extract::{Path, State};
use clipmill_shared::fleet::orders::{self, Pause};
use clipmill_shared::tier::Tier;
use serde::Serialize;
use tracing::info;
use utoipa::ToSchema;

use super::workers::{WorkersView, view};
use crate::app::App;
use crate::auth::Staff;
use crate::problem::{ErrorBody, Problem};

/// A tier that rests.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct PauseView {
    /// `fast` or `pro`
    #[schema(value_type = String)]
    tier: Tier,
    /// The operator who said so
    by: String,
    /// Unix seconds since when
    since: i64,
}

impl PauseView {
    pub(super) fn new(pause: Pause) -> Self {
        Self { tier: pause.tier, by: pause.by, since: pause.at.timestamp() }
    }
}

/// Lets no job of a tier be taken. What runs goes on, what is submitted waits.
#[utoipa::path(
    post, path = "/v1/admin/tiers/{tier}/pause", tag = "admin", operation_id = "admin_pause_tier", security(("operator_key" = [])),
    params(("tier" = String, Path, description = "`fast` or `pro`")),
    responses(
        (status = 200, body = WorkersView, description = "The fleet as it is now"),
        (status = 404, body = ErrorBody, description = "There is no such tier"),
    )
)]
pub(crate) async fn pause(
    State(app): State<App>,
    Staff(operator): Staff,
    Path(tier): Path<String>,
) -> Result<Json<WorkersView>, Problem> {
    let tier = named(&tier)?;
    orders::pause(&app.pool, tier, &operator.name).await?;
    info!(job.tier = %tier, operator.name, "Pauses a tier");
    view(&app).await
}

/// Lets jobs of a tier be taken again. Does nothing where it is not paused.
#[utoipa::path(
    post, path = "/v1/admin/tiers/{tier}/resume", tag = "admin", operation_id = "admin_resume_tier", security(("operator_key" = [])),
    params(("tier" = String, Path, description = "`fast` or `pro`")),
    responses(
        (status = 200, body = WorkersView, description = "The fleet as it is now"),
        (status = 404, body = ErrorBody, description = "There is no such tier"),
    )
)]
pub(crate) async fn resume(
    State(app): State<App>,
    Staff(operator): Staff,
    Path(tier): Path<String>,
) -> Result<Json<WorkersView>, Problem> {
    let tier = named(&tier)?;
    orders::unpause(&app.pool, tier).await?;
    info!(job.tier = %tier, operator.name, "Resumes a tier");
    view(&app).await
}

fn named(tier: &str) -> Result<Tier, Problem> {
    tier.parse().map_err(|_| Problem::no_tier())
}
