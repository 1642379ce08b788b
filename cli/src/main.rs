//! The binary `clipmill`.

use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context as _, Result};
use clap::{Parser, Subcommand};
use clipmill::client;
use clipmill::demo::DemoConfig;
use clipmill::dev::DevConfig;
use clipmill::{demo, dev};
use clipmill_shared::telemetry::{self, TelemetryConfig};
use clipmill_shared::{outbound, shutdown};

/// Text and images to video: the client, and the whole service in one process
#[derive(Debug, Parser)]
#[command(name = "clipmill", version, about, long_about = None)]
struct Cli {
    #[command(flatten)]
    telemetry: TelemetryConfig,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run the whole service here: Postgres, S3, API and worker
    Dev(Box<DevConfig>),
    /// Run the service, render two videos with it and leave them in a folder
    Demo(DemoConfig),
    #[command(flatten)]
    Client(client::Command),
}

/// How long the server may take to answer a poll. Uploads and downloads have limits of their own.
const CLIENT_TIMEOUT: Duration = Duration::from_secs(30);

#[tokio::main]
async fn main() -> ExitCode {
    shutdown::exit(run(Cli::parse()).await)
}

async fn run(cli: Cli) -> Result<()> {
    let usual = if matches!(cli.command, Command::Dev(_)) { "info" } else { "warn" };
    telemetry::init(&cli.telemetry, usual).map_err(anyhow::Error::msg)?;
    match cli.command {
        Command::Dev(config) => dev::run(*config).await,
        Command::Demo(config) => demo::run(config).await,
        Command::Client(command) => {
            command.run(outbound::trusted(CLIENT_TIMEOUT).context("cannot make an HTTP client")?).await
        }
    }
}
