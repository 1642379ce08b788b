//! A worker like `clipmill-worker`, with an engine that does what prompts say: fail, panic, hold, die. It can also panic outside of the
//! engine, where the worker counts something.

use std::process::ExitCode;
use std::sync::Arc;

use anyhow::Context as _;
use clap::Parser as _;
use clipmill_shared::storage::Storage;
use clipmill_shared::{db, shutdown, telemetry};
use clipmill_tests::{puppet, sabotage};
use clipmill_worker::Env;
use clipmill_worker::config::WorkArgs;

#[derive(clap::Parser)]
struct Cli {
    #[command(flatten)]
    work: WorkArgs,
}

#[tokio::main]
async fn main() -> ExitCode {
    shutdown::exit(run(Cli::parse().work).await)
}

async fn run(cli: WorkArgs) -> anyhow::Result<()> {
    telemetry::init(&cli.telemetry, "off").map_err(anyhow::Error::msg)?;
    sabotage::set_up()?;
    let stop = shutdown::on_signal().context("cannot listen for signals")?;
    let vault = cli.secrets.vault().map_err(anyhow::Error::msg)?;
    let pool = db::connect(&cli.db).await.context("cannot reach Postgres")?;
    let storage = Storage::open(&cli.storage).await;
    let env = Env::new(pool, storage, vault, puppet::engines(), cli.worker, &cli.outbound, stop)?;
    clipmill_worker::run(Arc::new(env)).await
}
