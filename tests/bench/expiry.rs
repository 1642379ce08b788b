//! What claims notice of very many timers that are due at once.

use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use clipmill_shared::db::PgPool;
use clipmill_shared::outbound::OutboundConfig;
use clipmill_shared::vault::Vault;
use clipmill_tests::server::worker_config;
use clipmill_worker::{Env, expire};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::bench::{Bench, Database};
use crate::figure::{Figure, Reading};
use crate::ledger;
use crate::seed::{self, State};
use crate::stats::median;

const ACCOUNTS: usize = 1_000;
/// Batches that a worker has under way at the same time.
const BATCHES_AT_ONCE: usize = 2;
/// Videos a second that expire where a worker renders one a second on each of a hundred GPUs.
const BUSY: f64 = 100.0;

pub(crate) async fn measure(bench: &Bench) -> Result<Vec<Figure>> {
    let (timers, queued) = bench.sizes.pick((1_000_000, 1_000), (5_000, 50));
    eprintln!("Writing {timers} videos whose time is over");
    let database = bench.database("bench_expiry").await?;
    let accounts = seed::accounts(&database.pool, ACCOUNTS).await?;
    seed::jobs(&database.pool, State::Due, 1, timers, &accounts).await?;
    seed::jobs(&database.pool, State::Queued, timers + 1, queued, &accounts).await?;
    seed::vacuum(&database.pool, "accounts, jobs").await?;

    let claims = bench.sizes.pick(400, 20);
    let idle = claim_ms(&database.pool, claims).await?;
    seed::timers(&database.pool, 1, timers).await?;
    seed::vacuum(&database.pool, "removals").await?;
    let mut workers = start(bench, &database).await?;
    let began = Instant::now();
    let busy = claim_ms(&database.pool, claims).await?;
    // Half a minute tells enough of a million.
    tokio::time::sleep(bench.sizes.pick(Duration::from_secs(30), Duration::ZERO)).await;
    let busy_later = claim_ms(&database.pool, claims).await?;
    let done = "select count(*) from jobs where status = 'expired'";
    let done: i64 = sqlx::query_scalar(done).fetch_one(&database.pool).await?;
    let elapsed = began.elapsed();
    workers.shutdown().await;

    let how = format!(
        "median of {claims} lease::claim of both tiers from {queued} queued jobs, each released again, a pause of 5 ms apart, twice while a \
         worker removes {timers} videos whose time is over; against the same before any was due"
    );
    let claim = Reading {
        name: format!("claim beside {timers} timers that are due"),
        value: median(&[busy, busy_later].concat()),
        unit: "ms",
        reference: median(&idle),
        how,
    };
    let rate = Reading {
        name: "expiry, videos".to_owned(),
        value: done.max(1) as f64 / elapsed.as_secs_f64(),
        unit: "videos/s",
        reference: BUSY,
        how: "videos that expired in that time, the rests of the worker included, one object each; against a hundred a second".to_owned(),
    };
    Ok(vec![claim.at_most(1.5), rate.at_least(1.0)])
}

async fn start(bench: &Bench, database: &Database) -> Result<JoinSet<()>> {
    let (pool, storage) = (database.connect(16).await?, bench.storage().await?);
    let (outbound, stop) = (OutboundConfig::unguarded(), CancellationToken::new());
    let env = Env::new(pool, storage, Vault::default(), Default::default(), worker_config(), &outbound, stop)?;
    let (env, mut workers) = (Arc::new(env), JoinSet::new());
    for _ in 0..BATCHES_AT_ONCE {
        let env = env.clone();
        workers.spawn(async move {
            if let Err(error) = expire::drain(&env).await {
                eprintln!("Timers could not be carried out: {error:#}");
            }
        });
    }
    Ok(workers)
}

async fn claim_ms(pool: &PgPool, claims: usize) -> Result<Vec<f64>> {
    let mut took = Vec::new();
    for _ in 0..claims {
        let asked = Instant::now();
        let lease = ledger::claim(pool).await?.context("the queue is empty")?;
        took.push(asked.elapsed().as_secs_f64() * 1e3);
        lease.release(pool).await?;
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    Ok(took)
}
