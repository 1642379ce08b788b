//! The binary `clipmill-api`.

use std::process::ExitCode;

use anyhow::Context as _;
use clap::Parser as _;
use clipmill_api::config::{Cli, Command, ServeConfig};
use clipmill_api::{App, Transport, admin};
use clipmill_shared::db::{self, PgPool};
use clipmill_shared::storage::Storage;
use clipmill_shared::{shutdown, telemetry, transit};
use tokio::net::TcpListener;
use tracing::info;

#[tokio::main]
async fn main() -> ExitCode {
    shutdown::exit(run(Cli::parse()).await)
}

async fn run(cli: Cli) -> anyhow::Result<()> {
    telemetry::init(&cli.telemetry, "info").map_err(anyhow::Error::msg)?;
    if let Command::Serve(config) = &cli.command {
        config.transport.check(config.listen)?;
        transit::warn(&cli.db, &config.storage);
    }
    let pool = db::connect(&cli.db).await.context("cannot reach Postgres: look at --database-url / DATABASE_URL")?;
    match cli.command {
        Command::Serve(config) => serve(pool, &config).await,
        Command::Migrate => db::migrate(&pool).await.context("cannot migrate the database"),
        Command::Account(command) => admin::account(&pool, command).await,
        Command::Key(command) => admin::key(&pool, command).await,
        Command::OperatorKey(command) => admin::operator_key(&pool, command).await,
    }
}

async fn serve(pool: PgPool, config: &ServeConfig) -> anyhow::Result<()> {
    let stop = shutdown::on_signal().context("cannot listen for signals")?;
    let transport = Transport::open(&config.transport).await?;
    let storage = Storage::open(&config.storage).await;
    let app = App::new(pool, storage, &config.outbound, &config.moderation, &config.clients, &config.signing)?;
    let listener =
        TcpListener::bind(config.listen).await.with_context(|| format!("cannot listen on {}", config.listen))?;
    info!(address = %config.listen, "Answering requests");
    clipmill_api::serve(listener, app, transport, stop.cancelled_owned()).await.context("the server ended")
}
