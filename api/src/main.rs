//! The binary `clipmill-api`.

use std::process::ExitCode;

use anyhow::Context as _;
use clap::Parser as _;
use clipmill_api::config::{Cli, Command, SecretsCommand, ServeConfig};
use clipmill_api::{App, Transport, admin, secrets};
use clipmill_shared::db::{self, PgPool};
use clipmill_shared::storage::Storage;
use clipmill_shared::vault::VaultConfig;
use clipmill_shared::{shutdown, telemetry, transit};
use tokio::net::TcpListener;
use tracing::info;

#[tokio::main]
async fn main() -> ExitCode {
    shutdown::exit(run(Cli::parse()).await)
}

async fn run(cli: Cli) -> anyhow::Result<()> {
    telemetry::init(&cli.telemetry, "info").map_err(anyhow::Error::msg)?;
    if let Command::Secrets(SecretsCommand::Generate) = cli.command {
        secrets::generate();
        return Ok(());
    }
    let db = cli.db.context("say where Postgres is: --database-url / DATABASE_URL")?;
    if let Command::Serve(config) = &cli.command {
        config.transport.check(config.listen)?;
        transit::warn(&db, &config.storage);
    }
    let pool = db::connect(&db).await.context("cannot reach Postgres: look at --database-url / DATABASE_URL")?;
    match cli.command {
        Command::Serve(config) => serve(pool, &cli.secrets, &config).await,
        Command::Migrate => db::migrate(&pool).await.context("cannot migrate the database"),
        Command::Account(command) => admin::account(&pool, &cli.secrets, command).await,
        Command::Key(command) => admin::key(&pool, command).await,
        Command::OperatorKey(command) => admin::operator_key(&pool, command).await,
        Command::Secrets(command) => secrets::look_after(&pool, &cli.secrets, command).await,
    }
}

async fn serve(pool: PgPool, secrets: &VaultConfig, config: &ServeConfig) -> anyhow::Result<()> {
    let vault = secrets.vault().map_err(anyhow::Error::msg)?;
    let stop = shutdown::on_signal().context("cannot listen for signals")?;
    let transport = Transport::open(&config.transport).await?;
    let storage = Storage::open(&config.storage).await;
    let app = App::new(pool, storage, vault, &config.outbound, &config.moderation, &config.clients, &config.signing)?;
    let listener =
        TcpListener::bind(config.listen).await.with_context(|| format!("cannot listen on {}", config.listen))?;
    info!(address = %config.listen, "Answering requests");
    clipmill_api::serve(listener, app, transport, stop.cancelled_owned()).await.context("the server ended")
}
