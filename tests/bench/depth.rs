//! Whether a claim takes longer the more there is to choose from, and the more lies behind.

use std::time::Instant;

use anyhow::{Context as _, Result};
use clipmill_shared::db::PgPool;
use sqlx::{AssertSqlSafe, Row as _};

use crate::bench::{Bench, Database};
use crate::figure::{Figure, Reading};
use crate::ledger;
use crate::seed::{self, State};
use crate::stats::median;

const ACCOUNTS: usize = 1_000;

/// A queue, and what lies behind it.
#[derive(Debug, Clone, Copy)]
struct Depth {
    name: &'static str,
    queued: i64,
    finished: i64,
}

pub(crate) async fn measure(bench: &Bench) -> Result<Vec<Figure>> {
    let pick = |full, small| bench.sizes.pick(full, small);
    let shallow = Depth { name: "shallow", queued: pick(1_000, 50), finished: 0 };
    let depths = [
        Depth { name: "100k", queued: pick(100_000, 500), finished: 0 },
        Depth { name: "1m", queued: pick(1_000_000, 1_000), finished: 0 },
        Depth { name: "finished", queued: shallow.queued, finished: bench.sizes.finished_rows() },
    ];
    let reference = fill(bench, shallow).await?;
    explain(bench, shallow, &reference).await?;
    let mut figures = Vec::new();
    for depth in depths {
        let database = fill(bench, depth).await?;
        figures.push(compare(bench, depth, &database, shallow, &reference).await?);
        explain(bench, depth, &database).await?;
        database.pool.close().await;
        bench.remove(&depth.database()).await?;
    }
    Ok(figures)
}

impl Depth {
    fn database(self) -> String {
        format!("bench_depth_{}", self.name)
    }
}

async fn fill(bench: &Bench, depth: Depth) -> Result<Database> {
    eprintln!("Writing {} queued and {} finished jobs", depth.queued, depth.finished);
    let database = bench.database(&depth.database()).await?;
    let accounts = seed::accounts(&database.pool, ACCOUNTS).await?;
    seed::jobs(&database.pool, State::Finished, 1, depth.finished, &accounts).await?;
    seed::jobs(&database.pool, State::Queued, depth.finished + 1, depth.queued, &accounts).await?;
    seed::vacuum(&database.pool, "accounts, jobs").await?;
    Ok(database)
}

/// Claims from both in turn, so that whatever else the machine does meets both.
async fn compare(bench: &Bench, depth: Depth, deep: &Database, shallow: Depth, reference: &Database) -> Result<Figure> {
    let (claims, warm_up) = (bench.sizes.pick(400, 15), 10);
    let [mut near, mut far] = [const { Vec::new() }; 2];
    for number in 0..warm_up + claims {
        let pair = (claim_ms(&reference.pool).await?, claim_ms(&deep.pool).await?);
        if number >= warm_up {
            near.push(pair.0);
            far.push(pair.1);
        }
    }
    let name = match depth.finished {
        0 => format!("claim, {} jobs queued", depth.queued),
        finished => format!("claim, {} jobs queued before {finished} finished ones", depth.queued),
    };
    let how = format!(
        "median of {claims} lease::claim of both tiers among {ACCOUNTS} accounts, each released again, in turns with a table of {} \
         queued jobs alone",
        shallow.queued,
    );
    Ok(Reading { name, value: median(&far), unit: "ms", reference: median(&near), how }.at_most(1.5))
}

async fn claim_ms(pool: &PgPool) -> Result<f64> {
    let asked = Instant::now();
    let lease = ledger::claim(pool).await?.context("the queue is empty")?;
    let elapsed = asked.elapsed().as_secs_f64() * 1e3;
    lease.release(pool).await?;
    Ok(elapsed)
}

/// Writes down how Postgres goes about the very statement that a claim runs, which it still has prepared.
async fn explain(bench: &Bench, depth: Depth, database: &Database) -> Result<()> {
    let pool = sqlx::postgres::PgPoolOptions::new().max_connections(1).connect(&database.url).await?;
    ledger::claim(&pool).await?.context("the queue is empty")?.release(&pool).await?;
    let claim = "select name, parameter_types::text[] as types from pg_prepared_statements
        where statement like '%update jobs%' and statement like '%skip locked%' and cardinality(parameter_types) > 0";
    let prepared = sqlx::query(claim).fetch_one(&pool).await?;
    let types: Vec<String> = prepared.try_get("types")?;
    let arguments: Vec<&str> = types.iter().map(|kind| argument(kind)).collect();
    let (name, arguments): (String, _) = (prepared.try_get("name")?, arguments.join(", "));
    let mut tx = pool.begin().await?;
    let statement = format!("explain (analyze, buffers) execute \"{name}\"({arguments})");
    let plan: Vec<String> = sqlx::query_scalar(AssertSqlSafe(statement)).fetch_all(&mut *tx).await?;
    tx.rollback().await?;
    let path = bench.folder().join(format!("explain-{}.txt", depth.name));
    std::fs::write(&path, plan.join("\n") + "\n").with_context(|| format!("cannot write {}", path.display()))
}

/// A value of each type that the claim takes.
fn argument(kind: &str) -> &'static str {
    match kind {
        "tier[]" => "'{fast,pro}'",
        "double precision" => "60",
        "text" => "'bench'",
        "text[]" => "'{h264}'",
        _ => "null",
    }
}
