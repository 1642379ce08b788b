//! `GET /v1/admin/statistics`: what is left of usage when its time is over.

use axum::Json;
use axum::extract::State;
use chrono::NaiveDate;
use clipmill_shared::accounts::privacy;
use clipmill_shared::tier::Tier;
use serde::Serialize;
use utoipa::ToSchema;

use crate::app::App;
use crate::auth::Staff;
use crate::problem::Problem;

/// Sums of usage whose rows are gone.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct StatisticsView {
    /// Always `list`
    #[schema(example = "list")]
    object: &'static str,
    /// Months and tiers, oldest first; those in which fewer than five accounts had part are not kept
    data: Vec<StatisticView>,
}

/// A month of a tier.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct StatisticView {
    /// Its first day
    #[schema(value_type = String, format = Date)]
    month: NaiveDate,
    /// `fast` or `pro`
    #[schema(value_type = String)]
    tier: Tier,
    /// How many accounts had part
    accounts: i32,
    /// Finished videos
    videos: i64,
    /// Their length together
    seconds: i64,
}

/// Lists what is left of usage whose time is over.
#[utoipa::path(
    get, path = "/v1/admin/statistics", tag = "admin", operation_id = "admin_statistics", security(("operator_key" = [])),
    responses((status = 200, body = StatisticsView, description = "The sums"))
)]
pub(crate) async fn statistics(State(app): State<App>, _: Staff) -> Result<Json<StatisticsView>, Problem> {
    let sums = privacy::statistics(&app.pool).await?;
    let view = |sum: privacy::Sum| StatisticView {
        month: sum.month,
        tier: sum.tier,
        accounts: sum.accounts,
        videos: sum.jobs,
        seconds: sum.seconds,
    };
    Ok(Json(StatisticsView { object: "list", data: sums.into_iter().map(view).collect() }))
}
