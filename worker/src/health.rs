//! `/healthz`, `/readyz` and `/metrics` of a worker, for those who operate it.

use std::sync::Arc;

use anyhow::Context as _;
use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::get;
use axum::{Json, Router};
use clipmill_shared::{db, telemetry};
use serde_json::{Value, json};
use tokio::net::TcpListener;

use crate::env::Env;

/// Answers on `listener` until the worker stops.
pub async fn serve(listener: TcpListener, env: Arc<Env>) -> anyhow::Result<()> {
    let metrics = telemetry::metrics().context("cannot record metrics")?;
    let stop = env.stop.clone();
    let router = Router::new()
        .route("/healthz", get(async || "ok"))
        .route("/readyz", get(ready))
        .route("/metrics", get(async move |state| metrics.render() + &elsewhere(state).await))
        .with_state(env);
    let served = axum::serve(listener, router).with_graceful_shutdown(stop.cancelled_owned());
    served.await.context("the health server ended")
}

/// What the engines are measured by elsewhere.
async fn elsewhere(State(env): State<Arc<Env>>) -> String {
    let engines = env.distinct_engines();
    let asking = tokio::task::spawn_blocking(move || engines.iter().map(|engine| engine.metrics()).collect());
    asking.await.unwrap_or_default()
}

async fn ready(State(env): State<Arc<Env>>) -> (StatusCode, Json<Value>) {
    let (database, storage) = tokio::join!(db::check(&env.pool), env.storage.check());
    let warm = env.warm_up.percent();
    let ready = database.is_ok() && storage.is_ok() && warm == 100 && !env.stop.is_cancelled();
    let body = json!({
        "ready": ready,
        "database": database.err().unwrap_or_else(|| "ready".to_owned()),
        "storage": storage.map_or("the bucket does not answer", |()| "ready"),
        "engine": if warm == 100 { "ready".to_owned() } else { format!("getting ready, {warm} %") },
        "encoders": env.encoders.names(),
        "stopping": env.stop.is_cancelled(),
    });
    (if ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE }, Json(body))
}
