//! `GET /healthz`, `/readyz`, `/metrics`: for those who operate the service.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use clipmill_shared::db;
use clipmill_shared::fleet::load;
use clipmill_shared::jobs::{read, removal};
use clipmill_shared::webhooks::outbox;
use serde::Serialize;
use tracing::warn;
use utoipa::ToSchema;

use crate::app::App;
use crate::problem::Problem;

/// Whether the service can do its work, part by part.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Readiness {
    /// Whether every part is ready
    ready: bool,
    /// `ready`, or what is wrong with Postgres
    database: String,
    /// `ready`, or what is wrong with the bucket
    storage: String,
}

/// Says that the process lives.
#[utoipa::path(get, path = "/healthz", tag = "operations", security(()), responses((status = 200, description = "Alive", body = String)))]
pub(crate) async fn healthz() -> &'static str {
    "ok"
}

/// Says whether the parts that the service leans on are there, and which one is not.
#[utoipa::path(
    get, path = "/readyz", tag = "operations", security(()),
    responses((status = 200, description = "Ready", body = Readiness), (status = 503, description = "A part is missing", body = Readiness))
)]
pub(crate) async fn readyz(State(app): State<App>) -> (StatusCode, Json<Readiness>) {
    let (database, storage) = tokio::join!(db::check(&app.pool), app.storage.check());
    let ready = database.is_ok() && storage.is_ok();
    if let Err(error) = &storage {
        warn!(%error, "The store is not ready");
    }
    let storage = storage.map_err(|_| "the bucket does not answer");
    let readiness = Readiness {
        ready,
        database: database.err().unwrap_or_else(|| "ready".to_owned()),
        storage: storage.err().unwrap_or("ready").to_owned(),
    };
    (if ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE }, Json(readiness))
}

/// Metrics in the text form of Prometheus.
#[utoipa::path(
    get, path = "/metrics", tag = "operations", security(()),
    responses((status = 200, description = "Metrics", body = String), (status = 503, description = "The database is away"))
)]
pub(crate) async fn metrics(State(app): State<App>) -> Result<String, Problem> {
    for (status, count) in read::backlog(&app.pool).await? {
        metrics::gauge!("clipmill_jobs", "status" => status.as_str()).set(count as f64);
    }
    for load in load::read(&app.pool).await? {
        let tier = [("tier", load.tier.as_str())];
        metrics::gauge!("clipmill_queue_jobs", &tier).set(load.waiting as f64);
        metrics::gauge!("clipmill_queue_seconds", &tier).set(load.queue_seconds);
        metrics::gauge!("clipmill_running_jobs", &tier).set(load.running as f64);
        metrics::gauge!("clipmill_serving_gpus", &tier).set(load.gpus as f64);
    }
    metrics::gauge!("clipmill_webhook_backlog").set(outbox::backlog(&app.pool).await? as f64);
    let removals = removal::backlog(&app.pool).await?;
    metrics::gauge!("clipmill_removals_due").set(removals.due as f64);
    metrics::gauge!("clipmill_removals_failing").set(removals.failing as f64);
    metrics::gauge!("clipmill_removals_oldest_seconds").set(removals.oldest_seconds);
    Ok(app.metrics.render())
}
