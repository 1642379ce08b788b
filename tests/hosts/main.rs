//! The service on several hosts, tried for real: one Postgres, one S3 server, two APIs and three workers, each with a network of
//! its own. A worker is cut off for longer than its lease, another is slow, a third dies, an API cannot be reached; every
//! job has to be done once all the same.

use std::ffi::OsString;
use std::net::IpAddr;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use clap::{Args, Parser, Subcommand};
use clipmill_shared::shutdown;
use clipmill_tests::Receiver;
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

mod audit;
mod clients;
mod enclosure;
mod network;
mod part;
mod site;
mod weather;

use clients::Clients;
use network::Network;
use part::PartConfig;
use site::Site;
use weather::Weather;

/// What the program ends with where no trial can be made, as other test programs do.
const SKIPPED: u8 = 77;

/// Run the service on several hosts, harm some of them, and count what became of the jobs
#[derive(Debug, Parser)]
struct Cli {
    #[command(flatten)]
    trial: TrialConfig,
    #[command(subcommand)]
    role: Option<Role>,
}

/// What this program is inside of a trial.
#[derive(Debug, Subcommand)]
#[command(hide = true)]
enum Role {
    /// The trial itself, in namespaces that were made for it
    #[command(hide = true)]
    Inside,
    /// What runs on one of its hosts
    #[command(hide = true)]
    Part(PartConfig),
}

/// How much, and how long.
#[derive(Debug, Args)]
struct TrialConfig {
    /// Jobs to submit at least; customers go on as long as something happens
    #[arg(long, default_value_t = 40)]
    jobs: usize,
    /// Seconds after which the job of a worker that fell silent goes to another
    #[arg(long, default_value_t = 3)]
    lease_seconds: u64,
    /// How long everything may take, in seconds
    #[arg(long, default_value_t = 300)]
    seconds: u64,
}

#[tokio::main]
async fn main() -> ExitCode {
    let cli = Cli::parse();
    let ended = match cli.role {
        None => return outside().await,
        Some(Role::Inside) => inside(&cli.trial).await,
        Some(Role::Part(config)) => part::run(&config).await,
    };
    shutdown::exit(ended)
}

/// Starts the trial where it harms nobody.
async fn outside() -> ExitCode {
    if let Some(obstacle) = enclosure::obstacle().await {
        eprintln!("skipped, since hosts with networks of their own cannot be made here: {obstacle}");
        return SKIPPED.into();
    }
    let arguments = std::env::args_os().skip(1).chain([OsString::from("inside")]);
    match enclosure::run_inside(arguments).await {
        Ok(status) => u8::try_from(status.code().unwrap_or(1)).unwrap_or(1).into(),
        Err(error) => shutdown::exit(Err(error)),
    }
}

/// The trial: builds the hosts, harms them, and counts.
async fn inside(config: &TrialConfig) -> Result<()> {
    enclosure::furnish().await?;
    let patience = Duration::from_secs(config.seconds);
    let report = tokio::time::timeout(patience, run(config)).await.context("it took too long")??;
    println!("{report:#}");
    Ok(())
}

async fn run(config: &TrialConfig) -> Result<Value> {
    let mut clock = Instant::now();
    let mut phase = move || std::mem::replace(&mut clock, Instant::now()).elapsed().as_secs_f64();
    let mut site = Site::build(config.lease_seconds).await?;
    let receiver = Receiver::at(IpAddr::from(Network::HERE)).await;
    let clients = Clients::new(&site, &receiver)?;
    let building = phase();
    let happened = happen(config, &mut site, &clients).await?;
    let weather = phase();
    weather::calm(&site.pool).await?;
    let recovery = phase();
    audit::audit(&site, &clients, &receiver).await?;
    Ok(json!({
        "happened": happened, "figures": audit::figures(&site, &clients, &receiver).await?,
        "seconds": { "building": building, "weather": weather, "recovery": recovery, "audit": phase() },
    }))
}

/// Lets customers submit as long as anything happens to the hosts.
async fn happen(config: &TrialConfig, site: &mut Site, clients: &Clients) -> Result<Vec<Value>> {
    let (weather, over) = (Weather::new(site, clients), CancellationToken::new());
    let raging = async {
        let happened = weather.rage(site).await;
        over.cancel();
        happened
    };
    let (happened, ()) = tokio::try_join!(raging, clients.submit(config.jobs, &over))?;
    Ok(happened)
}
