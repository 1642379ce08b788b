//! Many jobs, several worker processes, and everything that can happen to them at random; then a count of what was lost,
//! doubled or stuck, which has to be nothing.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use clap::Parser;
use clipmill_tests::server::{answer, text};
use clipmill_tests::{Receiver, Server};
use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};
use reqwest::Method;
use serde_json::{Value, json};

mod fleet;

use fleet::Fleet;

/// Run jobs through a storm of faults and count what was lost
#[derive(Debug, Parser)]
struct Cli {
    /// The same seed makes the same storm
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Jobs to submit
    #[arg(long, default_value_t = 300)]
    jobs: usize,
    /// Worker processes at a time
    #[arg(long, default_value_t = 3)]
    workers: usize,
    /// How long faults go on, in seconds
    #[arg(long, default_value_t = 60)]
    storm_seconds: u64,
    /// How long everything may take after that, in seconds
    #[arg(long, default_value_t = 300)]
    calm_seconds: u64,
}

/// What was done to the service, how often.
type Tally = HashMap<&'static str, usize>;

#[tokio::main]
async fn main() -> Result<()> {
    let cli = Cli::parse();
    let mut random = StdRng::seed_from_u64(cli.seed);
    let server = Server::start().await;
    // A storm kills more often than a job may die; here only what is lost shall count.
    sqlx::query("alter table jobs alter max_attempts set default 1000").execute(&server.pool).await?;
    let receiver = Receiver::answering([]).await;
    let mut fleet = Fleet::start(&server, cli.workers).await;
    let jobs = submit(&server, &receiver, cli.jobs).await;

    let mut tally = Tally::new();
    let end = Instant::now() + Duration::from_secs(cli.storm_seconds);
    while Instant::now() < end {
        let fault = strike(&server, &mut fleet, &jobs, &mut random).await?;
        *tally.entry(fault).or_default() += 1;
        tokio::time::sleep(Duration::from_millis(random.random_range(100..800))).await;
    }
    let recovery = calm(&server, &mut fleet, Duration::from_secs(cli.calm_seconds)).await?;
    fleet.stop().await?;
    let report = count(&server, &receiver, &jobs).await?;
    println!(
        "{:#}",
        json!({ "seed": cli.seed, "faults": tally, "calm_seconds": recovery.as_secs_f64(), "result": report })
    );
    ensure!(report["lost"] == 0 && report["doubled"] == 0 && report["stuck"] == 0, "the storm did harm");
    Ok(())
}

async fn submit(server: &Server, receiver: &Receiver, count: usize) -> Vec<Value> {
    let mut jobs = Vec::new();
    for number in 0..count {
        let body = json!({
            "prompt": format!("storm over the sea, take {number}"), "size": "640x360", "seconds": 2, "webhook_url": receiver.url(),
        });
        let submit =
            || server.request(Method::POST, "/v1/videos").header("idempotency-key", number.to_string()).json(&body);
        let (_, job) = answer(submit()).await;
        // As a client does that got no answer.
        let (_, again) = answer(submit()).await;
        assert_eq!(job["id"], again["id"]);
        jobs.push(job["id"].clone());
    }
    jobs
}

/// One thing that happens.
async fn strike(server: &Server, fleet: &mut Fleet<'_>, jobs: &[Value], random: &mut StdRng) -> Result<&'static str> {
    let job = text(&jobs[random.random_range(0..jobs.len())]);
    Ok(match random.random_range(0..100) {
        0..25 => fleet.replace(random, "-KILL").await?,
        25..40 => fleet.replace(random, "-TERM").await?,
        40..60 => fleet.pause(random).await?,
        60..68 => {
            cut_connections(server).await;
            "cut connections"
        }
        68..72 => {
            crash_postgres(server).await?;
            "crash postgres"
        }
        72..86 => {
            answer(server.request(Method::POST, &format!("/v1/videos/{job}/cancel"))).await;
            "cancel"
        }
        _ => {
            answer(server.request(Method::DELETE, &format!("/v1/videos/{job}"))).await;
            "delete"
        }
    })
}

async fn cut_connections(server: &Server) {
    let cut = "select count(pg_terminate_backend(pid)) from pg_stat_activity \
               where datname = current_database() and pid <> pg_backend_pid()";
    // The statement's own connection may be among those that were just cut by another fault.
    let _ = sqlx::query(cut).execute(&server.pool).await;
}

/// A backend that dies takes all others with it: Postgres restarts itself and recovers.
async fn crash_postgres(server: &Server) -> Result<()> {
    let Ok(pid) = sqlx::query_scalar::<_, i32>("select pg_backend_pid()").fetch_one(&server.pool).await else {
        return Ok(());
    };
    fleet::signal("-KILL", u32::try_from(pid)?).await
}

/// Waits until every job has ended, and says how long that took.
async fn calm(server: &Server, fleet: &mut Fleet<'_>, patience: Duration) -> Result<Duration> {
    fleet.wake().await?;
    let started = Instant::now();
    while started.elapsed() < patience {
        let left = "select count(*) from jobs where status in ('queued', 'in_progress')";
        if sqlx::query_scalar::<_, i64>(left).fetch_one(&server.pool).await.ok() == Some(0) {
            break;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    Ok(started.elapsed())
}

/// Sends and removes all that is due, then compares rows, objects and messages.
async fn count(server: &Server, receiver: &Receiver, jobs: &[Value]) -> Result<Value> {
    let settle = "update deliveries set due_at = now() where settled_at is null";
    sqlx::query(settle).execute(&server.pool).await.context("cannot make deliveries due")?;
    while server.notify().await > 0 {}
    sqlx::query("update removals set due_at = now() where reason <> 'expired'").execute(&server.pool).await?;
    while server.expire().await > 0 {}

    let rows: Vec<(String, i64)> =
        sqlx::query_as("select status::text, count(*) from jobs group by 1 order by 1").fetch_all(&server.pool).await?;
    let ended: i64 = rows
        .iter()
        .filter(|(status, _)| matches!(status.as_str(), "completed" | "cancelled"))
        .map(|(_, count)| count)
        .sum();
    let waiting: i64 = rows
        .iter()
        .filter(|(status, _)| matches!(status.as_str(), "queued" | "in_progress"))
        .map(|(_, count)| count)
        .sum();
    let live: i64 = rows.iter().map(|(_, count)| count).sum();
    let untold = untold(server, receiver).await?;
    let messages = receiver.messages();
    let mut ids: HashMap<(String, String), Vec<String>> = HashMap::new();
    for message in &messages {
        let event = message.json();
        let of = (text(&event["data"]["id"]).to_owned(), text(&event["type"]).to_owned());
        ids.entry(of).or_default().push(message.header("webhook-id").to_owned());
    }
    let doubled = ids.values().filter(|ids| ids.iter().any(|id| *id != ids[0])).count();
    let attempts: i64 =
        sqlx::query_scalar("select coalesce(sum(attempt), 0)::bigint from jobs").fetch_one(&server.pool).await?;
    Ok(json!({
        "submitted": jobs.len(), "deleted": jobs.len() as i64 - live, "by_status": rows.into_iter().collect::<HashMap<_, _>>(),
        "lost": live - ended - waiting + untold, "stuck": waiting, "doubled": doubled, "attempts": attempts,
        "webhooks": messages.len(), "webhooks_sent_again": messages.len() - ids.len(),
    }))
}

/// How many jobs that ended were never told of.
async fn untold(server: &Server, receiver: &Receiver) -> Result<i64> {
    let told: Vec<String> = receiver.messages().iter().map(|message| text(&message.json()["id"]).to_owned()).collect();
    let events: Vec<uuid::Uuid> = sqlx::query_scalar("select id from events").fetch_all(&server.pool).await?;
    let missing = events.iter().filter(|id| !told.contains(&format!("evt_{}", id.simple()))).count();
    Ok(i64::try_from(missing)?)
}
