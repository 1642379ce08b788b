//! Jobs and deliveries a second when nothing is rendered and nothing is sent: what the queue alone takes.

use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use tokio::sync::mpsc::unbounded_channel;
use tokio::task::JoinSet;
use tokio::time::timeout;
use uuid::Uuid;

use crate::bench::{Bench, Database};
use crate::figure::{Figure, Reading};
use crate::seed::{self, State};
use crate::stats::median;
use crate::{ledger, node, stock};

const SLOTS: [usize; 3] = [1, 4, 16];
/// Deliveries that one claim takes.
const BATCH: i64 = 500;
/// Tasks that claim and settle deliveries.
const MESSENGERS: usize = 4;
/// What deliveries are compared with, a second.
const DELIVERIES: f64 = 10_000.0;
/// How long a peer may do nothing while it has work.
const PEER_PATIENCE: Duration = Duration::from_secs(60);

pub(crate) async fn measure(bench: &Bench) -> Result<Vec<Figure>> {
    let database = bench.database("bench_throughput").await?;
    let accounts = seed::accounts(&database.pool, 10).await?;
    let apalis = bench.empty_database("bench_throughput_apalis").await?;
    stock::set_up(&apalis.pool).await?;
    let graphile = bench.empty_database("bench_throughput_graphile").await?;
    let jobs: u32 = bench.sizes.pick(3_000, 40);
    let mut figures = Vec::new();
    for slots in SLOTS {
        eprintln!("Claiming and completing {jobs} jobs with {slots} slots");
        let mut rates = [const { Vec::new() }; 3];
        for _ in 0..bench.sizes.rounds() {
            rates[0].push(ours(&database, jobs, slots, &accounts).await?);
            rates[1].push(theirs(&apalis, jobs, slots).await?);
            if let Some(node) = bench.node().await {
                let said = node.run(&graphile.url, &["throughput", &jobs.to_string(), &slots.to_string()]).await?;
                rates[2].push(f64::from(jobs) / said.as_f64().context("no number of seconds")?);
            }
        }
        figures.extend(compare(bench, jobs, slots, &rates));
    }
    figures.push(deliveries(bench).await?);
    Ok(figures)
}

fn compare(bench: &Bench, jobs: u32, slots: usize, [ours, apalis, graphile]: &[Vec<f64>; 3]) -> Vec<Figure> {
    let reading = |peer: &str, settings: &str, theirs: &[f64]| Reading {
        name: format!("throughput, slots: {slots}, against {peer}"),
        value: median(ours),
        unit: "jobs/s",
        reference: median(theirs),
        how: format!(
            "lease::claim then Lease::complete from {slots} tasks until {jobs} queued jobs are done: the ledger alone, no \
             apalis, FFmpeg or S3; against {settings}, {slots} handlers that do nothing on as many jobs (apalis: to the last start, not \
             to the last completion); median of {} \
             alternating runs",
            bench.sizes.rounds(),
        ),
    };
    let mut figures = vec![reading("apalis-postgres", stock::HOW, apalis).at_least(2.0)];
    if !graphile.is_empty() {
        figures.push(reading("graphile-worker", node::HOW, graphile).at_least(1.2));
    }
    figures
}

async fn ours(database: &Database, jobs: u32, slots: usize, accounts: &[Uuid]) -> Result<f64> {
    let pool = &database.pool;
    sqlx::query("truncate jobs, usage, removals, events, deliveries, delivery_attempts").execute(pool).await?;
    seed::jobs(pool, State::Queued, 1, jobs.into(), accounts).await?;
    seed::vacuum(pool, "jobs").await?;
    let (started, mut tasks) = (Instant::now(), JoinSet::new());
    for _ in 0..slots {
        let pool = pool.clone();
        tasks.spawn(async move { ledger::drain(&pool).await });
    }
    let mut done = 0;
    while let Some(drained) = tasks.join_next().await {
        done += drained??;
    }
    let rate = done as f64 / started.elapsed().as_secs_f64();
    ensure!(done == u64::from(jobs), "{done} of {jobs} jobs were completed");
    Ok(rate)
}

async fn theirs(database: &Database, jobs: u32, slots: usize) -> Result<f64> {
    sqlx::query("truncate apalis.jobs").execute(&database.pool).await?;
    let queue = stock::new_queue();
    stock::push(&database.pool, &queue, jobs).await?;
    seed::vacuum(&database.pool, "apalis.jobs").await?;
    let (started, mut handled) = unbounded_channel();
    // With connections of its own: it is ended in the middle of what it does.
    let _worker = stock::work(&database.connect(20).await?, &queue, slots, started);
    // Longer than its heartbeat, with which it looks for work that it was not told of.
    let mut next =
        async || timeout(PEER_PATIENCE, handled.recv()).await.context("apalis stood still")?.context("it ended");
    let first = next().await?;
    let mut last = first;
    for _ in 1..jobs {
        last = next().await?;
    }
    Ok(f64::from(jobs - 1) / (last - first).as_secs_f64())
}

async fn deliveries(bench: &Bench) -> Result<Figure> {
    let count: i64 = bench.sizes.pick(100_000, 200);
    eprintln!("Claiming and settling {count} deliveries");
    let database = bench.database("bench_deliveries").await?;
    let account = seed::accounts(&database.pool, 1).await?[0];
    seed::deliveries(&database.pool, count, account).await?;
    seed::vacuum(&database.pool, "jobs, events, deliveries").await?;
    let (started, mut messengers) = (Instant::now(), JoinSet::new());
    for _ in 0..MESSENGERS {
        let pool = database.pool.clone();
        messengers.spawn(async move {
            while ledger::deliver(&pool, BATCH).await? > 0 {}
            anyhow::Ok(())
        });
    }
    while let Some(ended) = messengers.join_next().await {
        ended??;
    }
    let value = count as f64 / started.elapsed().as_secs_f64();
    let settled: i64 =
        sqlx::query_scalar("select count(*) from deliveries where delivered").fetch_one(&database.pool).await?;
    ensure!(settled == count, "{settled} of {count} deliveries were settled");
    let name = "throughput, webhook deliveries".to_owned();
    let how = format!(
        "outbox::claim in batches of {BATCH} and their settling from {MESSENGERS} tasks until {count} due deliveries are \
         settled; nothing is sent; the reference is a bound"
    );
    Ok(Reading { name, value, unit: "deliveries/s", reference: DELIVERIES, how }.at_least(1.0))
}
