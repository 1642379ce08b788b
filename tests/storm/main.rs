//! Many jobs, several worker processes, and everything that can happen to them at random; then a count of what was lost,
//! doubled or stuck, which has to be nothing.

use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use clap::Parser;
use clipmill_tests::cluster::Cluster;
use clipmill_tests::{Receiver, Server};
use serde_json::{Value, json};

mod audit;
mod clients;
mod fleet;
mod plan;
mod weather;

use audit::Harm;
use clients::Clients;
use fleet::Fleet;
use weather::Weather;

/// Run jobs through a storm of faults and count what was lost
#[derive(Debug, Parser)]
struct Cli {
    /// The same seed makes the same sequence of faults
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Jobs to submit, half of them before the storm and half in it
    #[arg(long, default_value_t = 300)]
    jobs: usize,
    /// Worker processes at a time
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u16).range(1..=64))]
    workers: u16,
    /// How long faults go on, in seconds
    #[arg(long, default_value_t = 60)]
    storm_seconds: u64,
    /// How long everything may take after that, in seconds
    #[arg(long, default_value_t = 300)]
    calm_seconds: u64,
}

#[tokio::main]
async fn main() -> Result<()> {
    let cli = Cli::parse();
    let cluster = Cluster::start().await;
    let server = Server::on_its_own_postgres(&cluster).await;
    let receiver = Receiver::answering([]).await;
    let report = run(&cli, &cluster, &server, &receiver).await?;
    println!("{report:#}");
    ensure!(report["lost"] == 0 && report["doubled"] == 0 && report["stuck"] == 0, "the storm did harm");
    Ok(())
}

async fn run(cli: &Cli, cluster: &Cluster, server: &Server, receiver: &Receiver) -> Result<Value> {
    let mut clock = Instant::now();
    let mut phase = move || std::mem::replace(&mut clock, Instant::now()).elapsed().as_secs_f64();
    outlive(server).await?;
    let clients = Clients::new(server, receiver);
    let fleet = Fleet::start(server, cli.workers.into()).await;
    clients.submit(0..cli.jobs / 2).await;
    let quiet = phase();

    let mut weather = Weather::new(cluster, server, &clients, fleet);
    let end = Instant::now() + Duration::from_secs(cli.storm_seconds);
    let (raged, ()) = tokio::join!(weather.rage(plan::plan(cli.seed), end), clients.submit(cli.jobs / 2..cli.jobs));
    raged?;
    let storm = phase();
    weather.calm(Duration::from_secs(cli.calm_seconds)).await?;
    let recovery = phase();

    let started = weather.fleet.started();
    weather.fleet.stop().await?;
    audit::settle(server).await?;
    let harm = Harm::find(server, receiver, &clients.jobs(), &weather.unwanted).await?;
    if !harm.is_none() {
        eprintln!("{harm:#?}");
    }
    Ok(json!({
        "seed": cli.seed, "submitted": clients.jobs().len(), "asked_to_delete": weather.unwanted.len(),
        "lost": harm.lost.len(), "doubled": harm.doubled.len() + clients.doubled(), "stuck": harm.stuck.len(),
        "faults": weather.tally.iter().map(|(fault, times)| (format!("{fault:?}"), times)).collect::<std::collections::BTreeMap<_, _>>(),
        "worker_processes": started,
        "seconds": { "quiet": quiet, "storm": storm, "recovery": recovery, "audit": phase() },
        "figures": audit::figures(server, receiver).await?,
    }))
}

/// A storm kills more often than a job may die; here only what is lost shall count.
async fn outlive(server: &Server) -> Result<()> {
    let trigger = "create function outlive() returns trigger language plpgsql as $$
            begin new.max_attempts = 1000; return new; end $$;
        create trigger outlive before insert on jobs for each row execute function outlive()";
    sqlx::raw_sql(trigger).execute(&server.pool).await?;
    Ok(())
}
