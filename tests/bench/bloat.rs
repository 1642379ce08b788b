//! What a table is left with after many jobs went through it.

use anyhow::{Context as _, Result, ensure};
use clipmill_shared::db::PgPool;
use tokio::task::JoinSet;

use crate::bench::{Bench, Database};
use crate::figure::{Figure, Reading};
use crate::ledger;
use crate::seed::{self, State};

/// Tasks that claim and complete.
const SLOTS: usize = 16;
/// Jobs that are queued at the same time.
const BATCH: i64 = 10_000;

const MIB: f64 = 1024.0 * 1024.0;

/// Bytes of `jobs` and of its indexes.
type Bytes = (i64, i64);

/// Updates of `jobs`, how many of them touched no index, and dead rows.
type Updates = (i64, i64, i64);

pub(crate) async fn measure(bench: &Bench) -> Result<Vec<Figure>> {
    let database = bench.database("bench_bloat").await?;
    let jobs = bench.sizes.bloat_jobs();
    churn(&database.pool, jobs).await?;
    let (used, (updates, hot, dead)) = (bytes(&database.pool).await?, counts(&database).await?);
    sqlx::query("vacuum full jobs").execute(&database.pool).await?;
    let needed = bytes(&database.pool).await?;
    let how = format!(
        "{jobs} jobs queued, claimed and completed by {SLOTS} tasks, at most {BATCH} queued at a time, autovacuum as Postgres has it; \
         against the size after vacuum full; {dead} dead rows, {hot} of {updates} updates HOT"
    );
    let size = |name: &str, used: i64, needed: i64| {
        let (value, reference) = (used as f64 / MIB, needed as f64 / MIB);
        Reading { name: format!("bloat, {name} after {jobs} jobs"), value, unit: "MiB", reference, how: how.clone() }
            .at_most(2.0)
    };
    let figures = [size("table of jobs", used.0, needed.0), size("indexes of jobs", used.1, needed.1)];
    Ok(figures.into_iter().chain([renewals(bench, &database).await?]).collect())
}

async fn churn(pool: &PgPool, jobs: i64) -> Result<()> {
    let accounts = seed::accounts(pool, 100).await?;
    let mut done = 0;
    while done < jobs {
        let batch = BATCH.min(jobs - done);
        seed::jobs(pool, State::Queued, done + 1, batch, &accounts).await?;
        let mut tasks = JoinSet::new();
        for _ in 0..SLOTS {
            let pool = pool.clone();
            tasks.spawn(async move { ledger::drain(&pool).await });
        }
        while let Some(ended) = tasks.join_next().await {
            ended??;
        }
        done += batch;
        eprintln!("Claimed and completed {done} of {jobs} jobs");
    }
    Ok(())
}

async fn bytes(pool: &PgPool) -> Result<Bytes> {
    Ok(sqlx::query_as("select pg_table_size('jobs'), pg_indexes_size('jobs')").fetch_one(pool).await?)
}

/// What Postgres counted of the sessions so far; each reports when it ends.
async fn counts(database: &Database) -> Result<Updates> {
    let pool = database.connect(1).await?;
    let idle = "select count(*) filter (where pg_terminate_backend(pid, 5000)) from pg_stat_activity
        where datname = current_database() and state = 'idle' and pid <> pg_backend_pid()";
    sqlx::query(idle).execute(&pool).await?;
    let counted = "select n_tup_upd, n_tup_hot_upd, n_dead_tup from pg_stat_user_tables where relname = 'jobs'";
    Ok(sqlx::query_as(counted).fetch_one(&pool).await?)
}

/// Renewals of a lease write its time and its progress, which no index knows of.
async fn renewals(bench: &Bench, database: &Database) -> Result<Figure> {
    let renewals = bench.sizes.pick(2_000, 50);
    let accounts = seed::accounts(&database.pool, 1).await?;
    seed::jobs(&database.pool, State::Queued, 1 << 40, 1, &accounts).await?;
    let lease = ledger::claim(&database.pool).await?.context("the queue is empty")?;
    let before = counts(database).await?;
    for number in 0..renewals {
        lease.renew(&database.pool, number * 100 / renewals).await?;
    }
    let after = counts(database).await?;
    lease.complete(&database.pool, &[]).await?;
    let (updates, hot) = (after.0 - before.0, after.1 - before.1);
    ensure!(updates == i64::from(renewals), "Postgres counted {updates} of {renewals} renewals");
    let how =
        format!("Lease::renew {renewals} times in a row with growing progress; HOT updates by pg_stat_user_tables");
    let (name, value) = ("bloat, renewals that touch no index".to_owned(), hot as f64 / updates as f64);
    Ok(Reading { name, value, unit: "share", reference: 1.0, how }.at_least(0.9))
}
