//! How long an idle worker takes to start on a job, from its commit.

use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use clipmill_shared::accounts::credits::Prices;
use clipmill_shared::id::AccountId;
use clipmill_shared::jobs::submit::Intake;
use clipmill_shared::vault::Vault;
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};
use tokio::time::{sleep, timeout};

use crate::bench::{Bench, Database};
use crate::engines::Doorbell;
use crate::figure::{Figure, Reading};
use crate::stats::{median, quantile};
use crate::worker::{Worker, open_jobs};
use crate::{ledger, node, stock};

/// In which a worker has become idle again.
const REST: Duration = Duration::from_millis(20);
/// A job that is not started within this was lost.
const PATIENCE: Duration = Duration::from_secs(30);

/// Milliseconds, job by job.
#[derive(Default)]
struct Delays {
    ours: Vec<f64>,
    apalis: Vec<f64>,
    graphile: Vec<f64>,
}

pub(crate) async fn measure(bench: &Bench) -> Result<Vec<Figure>> {
    let delays = take(bench).await?;
    let jobs = delays.ours.len();
    let how = format!(
        "one idle worker, one job at a time, {jobs} jobs: from the return of the submit (past HTTP, so just after its commit) to \
         Engine::render"
    );
    let ours = |share: f64, name: &str, reference: f64, how: &str| Reading {
        name: format!("pick-up, {name}"),
        value: quantile(&delays.ours, share),
        unit: "ms",
        reference,
        how: how.to_owned(),
    };
    let mut figures = vec![
        ours(0.5, "median, against 2 ms", 2.0, &how).at_most(1.0),
        ours(0.99, "99th percentile, against 10 ms", 10.0, &how).at_most(1.0),
    ];
    for (peer, settings, theirs) in
        [("apalis-postgres", stock::HOW, &delays.apalis), ("graphile-worker", node::HOW, &delays.graphile)]
    {
        if !theirs.is_empty() {
            let how =
                format!("{how}; beside it {settings}, {} jobs, from the insert's return to the handler", theirs.len());
            figures.push(ours(0.5, &format!("median, against {peer}"), median(theirs), &how).at_most(1.0));
        }
    }
    Ok(figures)
}

async fn take(bench: &Bench) -> Result<Delays> {
    let (database, theirs) =
        (bench.database("bench_pickup").await?, bench.empty_database("bench_pickup_apalis").await?);
    let (rings, mut ours) = unbounded_channel();
    let worker = Worker::start(bench, &database, Arc::new(Doorbell(rings))).await?;
    stock::set_up(&theirs.pool).await?;
    let (started, mut handled) = unbounded_channel();
    let queue = stock::new_queue();
    let _apalis = stock::work(&theirs.pool, &queue, 1, started);
    let (account, _) = ledger::account(&database.pool).await?;
    let intake = Intake::new(database.pool.clone(), bench.storage().await?, Vault::default(), Prices::default());
    let (jobs, mut delays) = (bench.sizes.pick(300, 10), Delays::default());
    eprintln!("Picking up {jobs} jobs");
    for _ in 0..jobs {
        delays.apalis.push(apalis(&theirs, &queue, &mut handled).await?);
        delays.ours.push(own(&database, &intake, account, &mut ours).await?);
        worker.check()?;
    }
    worker.stop().await?;
    if let Some(node) = bench.node().await {
        let database = bench.empty_database("bench_pickup_graphile").await?;
        let said = node.run(&database.url, &["pickup", &jobs.to_string()]).await?;
        delays.graphile = serde_json::from_value(said)?;
    }
    Ok(delays)
}

async fn own(
    database: &Database,
    intake: &Intake,
    account: AccountId,
    rings: &mut UnboundedReceiver<Instant>,
) -> Result<f64> {
    ledger::submit(intake, account).await?;
    let delay = until(rings, Instant::now()).await?;
    while open_jobs(&database.pool).await? > 0 {
        sleep(REST / 4).await;
    }
    sleep(REST).await;
    Ok(delay)
}

async fn apalis(database: &Database, queue: &str, handled: &mut UnboundedReceiver<Instant>) -> Result<f64> {
    stock::push(&database.pool, queue, 1).await?;
    let delay = until(handled, Instant::now()).await?;
    sleep(REST).await;
    Ok(delay)
}

/// Milliseconds from `committed` to the next start; a start may even be earlier than the word of the commit.
async fn until(starts: &mut UnboundedReceiver<Instant>, committed: Instant) -> Result<f64> {
    let start =
        timeout(PATIENCE, starts.recv()).await.context("a job was never started")?.context("the worker ended")?;
    Ok(start.saturating_duration_since(committed).as_secs_f64().max(1e-6) * 1e3)
}
