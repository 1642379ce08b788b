//! `/v1/admin/workers`: the machines that render, and letting one of them rest.

use axum::Json;
use axum::extract::{Path, State};
use clipmill_shared::fleet::orders;
use clipmill_shared::fleet::process::{self, Engine, Gpu, Seen, Work};
use clipmill_shared::id::JobId;
use clipmill_shared::tier::Tier;
use serde::Serialize;
use serde_json::Value;
use tracing::info;
use utoipa::ToSchema;

use super::tiers::PauseView;
use crate::app::App;
use crate::auth::Staff;
use crate::problem::{ErrorBody, Problem};

/// The fleet.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct WorkersView {
    /// Always `list`
    #[schema(example = "list")]
    object: &'static str,
    /// The worker processes, by name; those that fell silent are shown for a day
    data: Vec<WorkerView>,
    /// Names that take no jobs, of single processes or of all that are configured with one, whether any runs or not
    draining: Vec<String>,
    /// Tiers of which no jobs are taken
    paused_tiers: Vec<PauseView>,
}

/// A worker process.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct WorkerView {
    /// Always `worker`
    #[schema(example = "worker")]
    object: &'static str,
    /// Unique for each start
    #[schema(example = "gpu-7-01934b6c2a7e7c3e9b1f0a2d4c6e8f10")]
    name: String,
    /// The machine
    #[schema(example = "rack-3")]
    host: String,
    /// The version of Clipmill
    version: String,
    /// `warming_up`, `ready`, `occupied` (its GPU is busy with a render that was cancelled and cannot be stopped), `stopping`, or
    /// `silent`: not heard of for half a minute
    #[schema(value_type = String, example = "ready")]
    state: process::State,
    /// Whether it takes no more jobs
    draining: bool,
    /// What it renders with, tier by tier
    engines: Vec<EngineView>,
    /// What it encodes with, by codec
    #[schema(value_type = Object, example = json!({ "h264": "h264_nvenc" }))]
    encoders: Value,
    /// What it renders on, as far as NVIDIA's driver says
    gpus: Vec<GpuView>,
    /// What it has in hand
    jobs: Vec<WorkView>,
    /// Unix seconds
    started_at: i64,
    /// Unix seconds at which it was heard of last
    seen_at: i64,
}

/// What renders a tier.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct EngineView {
    /// `fast` or `pro`
    #[schema(value_type = String)]
    tier: Tier,
    /// The engine
    #[schema(example = "wan")]
    engine: String,
    /// The model, if it has one
    #[schema(example = "Wan2.2-TI2V-5B-Diffusers")]
    model: Option<String>,
}

/// A GPU.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct GpuView {
    /// What it is called
    #[schema(example = "NVIDIA H100 80GB HBM3")]
    name: String,
    /// Bytes
    memory_bytes: u64,
    /// Bytes that are taken, by whomever
    memory_used_bytes: u64,
    /// How much of the last moments it was at work, in per cent
    utilization_percent: Option<u32>,
    /// Degrees Celsius
    temperature_celsius: Option<u32>,
}

/// A job that a worker has in hand.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct WorkView {
    /// The job
    #[schema(value_type = String)]
    id: JobId,
    /// `fast` or `pro`
    #[schema(value_type = String)]
    tier: Tier,
    /// Which try this is
    attempt: i32,
    /// Per cent of it
    progress: i16,
    /// Unix seconds since when
    since: Option<i64>,
}

/// Lists the worker processes, what they do, and what was said to them.
#[utoipa::path(
    get, path = "/v1/admin/workers", tag = "admin", operation_id = "admin_list_workers", security(("operator_key" = [])),
    responses((status = 200, body = WorkersView, description = "The fleet"))
)]
pub(crate) async fn workers(State(app): State<App>, _: Staff) -> Result<Json<WorkersView>, Problem> {
    view(&app).await
}

/// Lets a worker take no more jobs; what it has in hand it takes to its end.
#[utoipa::path(
    post, path = "/v1/admin/workers/{name}/drain", tag = "admin", operation_id = "admin_drain_worker", security(("operator_key" = [])),
    params(("name" = String, Path, description = "The name of a process, or the configured name that it begins with")),
    responses(
        (status = 200, body = WorkersView, description = "The fleet as it is now"),
        (status = 404, body = ErrorBody, description = "There is no such worker"),
    )
)]
pub(crate) async fn drain(
    State(app): State<App>,
    Staff(operator): Staff,
    Path(name): Path<String>,
) -> Result<Json<WorkersView>, Problem> {
    // Postgres holds no text with a NUL, so no worker has one in its name.
    if name.contains('\0') || !orders::drain(&app.pool, &name, &operator.name).await? {
        return Err(Problem::no_worker());
    }
    info!(worker.name = name, operator.name, "Drains a worker");
    view(&app).await
}

/// Lets a worker take jobs again.
#[utoipa::path(
    post, path = "/v1/admin/workers/{name}/resume", tag = "admin", operation_id = "admin_resume_worker", security(("operator_key" = [])),
    params(("name" = String, Path, description = "The name that was drained")),
    responses(
        (status = 200, body = WorkersView, description = "The fleet as it is now"),
        (status = 404, body = ErrorBody, description = "No worker of this name was drained"),
    )
)]
pub(crate) async fn resume(
    State(app): State<App>,
    Staff(operator): Staff,
    Path(name): Path<String>,
) -> Result<Json<WorkersView>, Problem> {
    if name.contains('\0') || !orders::resume(&app.pool, &name).await? {
        return Err(Problem::no_worker());
    }
    info!(worker.name = name, operator.name, "Resumes a worker");
    view(&app).await
}

/// The fleet as it is now.
pub(super) async fn view(app: &App) -> Result<Json<WorkersView>, Problem> {
    let data = process::list(&app.pool).await?.into_iter().map(WorkerView::new).collect();
    let paused = orders::paused(&app.pool).await?;
    Ok(Json(WorkersView {
        object: "list",
        data,
        draining: orders::drained(&app.pool).await?,
        paused_tiers: paused.into_iter().map(PauseView::new).collect(),
    }))
}

impl WorkerView {
    fn new(seen: Seen) -> Self {
        let process = seen.process;
        Self {
            object: "worker",
            name: process.name,
            host: process.host,
            version: process.version,
            state: process.state,
            draining: seen.draining,
            engines: process.engines.into_iter().map(EngineView::new).collect(),
            encoders: process.encoders,
            gpus: process.gpus.into_iter().map(GpuView::new).collect(),
            jobs: seen.jobs.into_iter().map(WorkView::new).collect(),
            started_at: seen.started_at.timestamp(),
            seen_at: seen.seen_at.timestamp(),
        }
    }
}

impl EngineView {
    fn new(engine: Engine) -> Self {
        Self { tier: engine.tier, engine: engine.engine, model: engine.model }
    }
}

impl GpuView {
    fn new(gpu: Gpu) -> Self {
        Self {
            name: gpu.name,
            memory_bytes: gpu.memory_bytes,
            memory_used_bytes: gpu.memory_used_bytes,
            utilization_percent: gpu.utilization_percent,
            temperature_celsius: gpu.temperature_celsius,
        }
    }
}

impl WorkView {
    fn new(work: Work) -> Self {
        let since = work.since.map(|since| since.timestamp());
        Self { id: work.id.into(), tier: work.tier, attempt: work.attempt, progress: work.progress, since }
    }
}
