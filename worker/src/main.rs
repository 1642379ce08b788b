//! The binary `clipmill-worker`.

use std::process::ExitCode;
use std::sync::Arc;

use anyhow::Context as _;
use chrono::TimeDelta;
use clipmill_shared::db::{DbConfig, PgPool};
use clipmill_shared::jobs::watermark::Fonts;
use clipmill_shared::moderation::Moderation;
use clipmill_shared::storage::Storage;
use clipmill_shared::{db, shutdown, telemetry, transit};
use clipmill_worker::config::{Cli, WorkArgs};
use clipmill_worker::reconcile::{self, Wish};
use clipmill_worker::{Env, health, inventory, lifecycle};
use tokio::net::TcpListener;

#[tokio::main]
async fn main() -> ExitCode {
    shutdown::exit(run(Cli::parse()).await)
}

async fn run(cli: Cli) -> anyhow::Result<()> {
    match cli {
        Cli::Work(args) => work(*args).await,
        Cli::Engines(config) => inventory::report(&config),
        Cli::Reconcile(args) => {
            let grace = TimeDelta::seconds(args.grace_seconds.into());
            let wish = Wish { grace, dry_run: args.dry_run, account: args.account };
            reconcile::report(&ledger(&args.db).await?, &Storage::open(&args.storage).await, &wish, args.json).await
        }
        Cli::ShowLifecycle(config) => lifecycle::show(&Storage::open(&config).await).await,
        Cli::ApplyLifecycle(args) => {
            lifecycle::apply(&ledger(&args.db).await?, &Storage::open(&args.storage).await, args.record_days).await
        }
    }
}

async fn ledger(config: &DbConfig) -> anyhow::Result<PgPool> {
    let pool = db::connect(config).await.context("cannot reach Postgres: look at --database-url / DATABASE_URL")?;
    db::check(&pool).await.map_err(anyhow::Error::msg).context("the database is not ready")?;
    Ok(pool)
}

async fn work(cli: WorkArgs) -> anyhow::Result<()> {
    telemetry::init(&cli.telemetry, "info").map_err(anyhow::Error::msg)?;
    telemetry::metrics().context("cannot record metrics")?;
    transit::warn(&cli.db, &cli.storage);
    let stop = shutdown::on_signal().context("cannot listen for signals")?;
    let vault = cli.secrets.vault().map_err(anyhow::Error::msg)?;
    let pool = ledger(&cli.db).await?;
    let engines = cli.worker.engines(&pool).context("the engines cannot be set up")?;
    let storage = Storage::open(&cli.storage).await;
    let moderation = Moderation::open(&cli.moderation).map_err(anyhow::Error::msg)?;
    if let Some(scratch) = &cli.worker.scratch {
        // A library that signs large videos has no other word for where it may put its copy. This is the first call.
        let _ = tempfile::env::override_temp_dir(scratch);
    }
    let fonts = Fonts::open(&cli.font).map_err(anyhow::Error::msg)?;
    let env = Env::new(pool, storage, vault, engines, cli.worker, &cli.outbound, stop)?;
    let env = Arc::new(env.moderated_by(moderation).writing_with(fonts));
    if let Some(address) = cli.listen {
        let listener = TcpListener::bind(address).await.with_context(|| format!("cannot listen on {address}"))?;
        tokio::spawn(health::serve(listener, env.clone()));
    }
    clipmill_worker::run(env).await
}
