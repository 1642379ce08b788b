#![doc = include_str!("../README.md")]

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, bail};
use apalis::layers::WorkerBuilderExt as _;
use apalis::prelude::{Monitor, WorkerBuilder};
use tokio_util::sync::CancellationToken;
use tracing::{error, info, warn};

pub mod config;
mod deliver;
pub mod engine;
pub mod env;
pub mod expire;
pub mod export;
pub mod fault;
mod feed;
mod former;
mod gpu;
pub mod health;
mod heartbeat;
mod identity;
pub mod inventory;
pub mod lifecycle;
mod machine;
mod moderate;
pub mod notify;
pub mod pipeline;
pub mod postprocess;
pub mod pull;
pub mod reconcile;
mod render;
mod scratch;
mod source;
mod sweep;
pub mod tiers;
mod upload;
mod warm;

pub use env::{Env, preview_engines};

use feed::Feed;

/// A worker of the runtime that ended this often has a fault which another start does not mend.
const RESTARTS_MAX: usize = 10;
/// Webhooks on their way at the same time.
const DELIVERIES_AT_ONCE: usize = 32;
/// Batches of removals under way at the same time.
const REMOVALS_AT_ONCE: usize = 2;

/// How long an engine may take at the end to stop what it does elsewhere.
const PARTING: Duration = Duration::from_secs(15);

/// Works until `env.stop`: renders, notifies, expires, exports. Fails if the workers ended before that.
pub async fn run(env: Arc<Env>) -> anyhow::Result<()> {
    info!(worker.name = %env.name, tiers = ?env.tiers(), gpus = env.config.gpus, encoders = ?env.encoders.names(), "Working");
    if !env.provenance.signs() {
        warn!("Media are labelled as generated, but not signed: set CLIPMILL_C2PA_CERTIFICATE and CLIPMILL_C2PA_KEY");
    }
    former::find(&env).await;
    sweep::introduce(&env).await;
    let ears = CancellationToken::new();
    let (listening, sweeping) = (tokio::spawn(listen(env.clone(), ears.clone())), tokio::spawn(sweep(env.clone())));
    let storage = env.storage.clone();
    tokio::spawn(async move { lifecycle::give_up_uploads(&storage).await });
    let comparing = tokio::spawn(reconcile::nightly(env.clone()));
    let stop = env.stop.clone();
    let signal = async move {
        stop.cancelled().await;
        Ok(())
    };
    let warming = tokio::spawn(warm::up(env.clone(), env.gpus.take().await?));
    let ended = monitor(&env).run_with_signal(signal).await;
    let by_themselves = !env.stop.is_cancelled();
    env.stop.cancel();
    let warmed = warming.await.context("getting ready panicked")?;
    close(&env).await?;
    ears.cancel();
    listening.await.context("the listener for notifications panicked")?;
    sweeping.await.context("the sweep panicked")?;
    comparing.await.context("the comparison of store and ledger panicked")?;
    warmed?;
    if by_themselves {
        bail!("the workers ended by themselves: {ended:?}");
    }
    ended.context("the workers did not end in order")
}

/// Lets engines that were told to stop do so, and ends what they keep running beside the worker.
async fn close(env: &Arc<Env>) -> anyhow::Result<()> {
    if tokio::time::timeout(PARTING, env.gpus.idle()).await.is_err() {
        warn!("An engine has not stopped in time, its GPU may stay busy for a while");
    }
    let engines = env.distinct_engines();
    let closing = tokio::task::spawn_blocking(move || engines.iter().for_each(|engine| engine.close()));
    closing.await.context("an engine panicked at its end")
}

/// Hears of cancellation for as long as anything renders, also after the wish to stop.
async fn listen(env: Arc<Env>, ears: CancellationToken) {
    env.bells.listen(&env.pool, &ears).await;
}

async fn sweep(env: Arc<Env>) {
    sweep::run(&env).await;
}

fn monitor(env: &Arc<Env>) -> Monitor {
    let (render, notify, expire, export) = (env.clone(), env.clone(), env.clone(), env.clone());
    // A job holds its place here until it is uploaded, its GPU only until it is rendered: twice as many places let
    // every GPU go on while the job before is encoded and uploaded.
    let renders = env.config.gpus as usize * 2;
    Monitor::new()
        .register(move |run| {
            WorkerBuilder::new(format!("render-{}-{run}", render.name).as_str())
                .backend(Feed::new(Arc::new(pull::Queue::new(render.clone())), &render.stop))
                .enable_tracing()
                .catch_panic()
                .concurrency(renders)
                .data(render.clone())
                .build(pull::render)
        })
        .register(move |run| {
            WorkerBuilder::new(format!("notify-{}-{run}", notify.name).as_str())
                .backend(Feed::new(Arc::new(notify::Outbox::new(notify.clone())), &notify.stop))
                .enable_tracing()
                .catch_panic()
                .concurrency(DELIVERIES_AT_ONCE)
                .data(notify.clone())
                .build(notify::deliver)
        })
        .register(move |run| {
            WorkerBuilder::new(format!("expire-{}-{run}", expire.name).as_str())
                .backend(Feed::new(Arc::new(expire::Timers::new(expire.clone())), &expire.stop))
                .enable_tracing()
                .catch_panic()
                .concurrency(REMOVALS_AT_ONCE)
                .data(expire.clone())
                .build(expire::remove)
        })
        .register(move |run| {
            WorkerBuilder::new(format!("export-{}-{run}", export.name).as_str())
                .backend(Feed::new(Arc::new(export::Requests::new(export.clone())), &export.stop))
                .enable_tracing()
                .catch_panic()
                .concurrency(1)
                .data(export.clone())
                .build(export::make)
        })
        .should_restart(|worker, error| {
            error!(worker.name = worker.name(), %error, "A worker ended, starting it again");
            worker.restarts() < RESTARTS_MAX
        })
}
