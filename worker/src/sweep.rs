//! What has to be seen to from time to time, whatever the store does meanwhile: lapsed leases, passed deadlines, scheduled jobs,
//! videos that will go soon, old records, files whose time is over, and the word that this worker lives.

use std::time::{Duration, Instant};

use clipmill_shared::accounts::{erasure, export, hold, privacy};
use clipmill_shared::db::{self, Error};
use clipmill_shared::files;
use clipmill_shared::fleet::{self, bucket, orders, process};
use clipmill_shared::jobs::sweep;
use clipmill_shared::webhooks::log;
use tracing::{info, warn};

use crate::env::Env;

const POLL: Duration = Duration::from_secs(1);
const REPORT: Duration = Duration::from_secs(5);
const BATCH: i64 = 100;
const RECORDS_BATCH: i64 = 1000;
/// How long usage is kept row by row.
const ACCOUNTING_YEARS: i32 = 10;

/// Says that this worker is there, before it takes anything: only what is known of it can be taken over should it die.
pub(crate) async fn introduce(env: &Env) {
    note("report to the fleet", db::within(report(env)).await);
}

/// Sweeps until the worker shall stop.
pub(crate) async fn run(env: &Env) {
    let mut reported = Instant::now();
    loop {
        once(env).await;
        if reported.elapsed() >= REPORT {
            note("report to the fleet", db::within(report(env)).await);
            reported = Instant::now();
        }
        tokio::select! {
            () = env.stop.cancelled() => break,
            () = tokio::time::sleep(POLL) => {}
        }
    }
    note("leave the fleet", db::within(fleet::leave(&env.pool, &env.name)).await);
    note("leave the list of workers", db::within(process::leave(&env.pool, &env.name)).await);
}

/// Sweeps once. What fails is noted and comes next time.
pub(crate) async fn once(env: &Env) {
    let pool = &env.pool;
    let rescued = note("look for lapsed leases", db::within(sweep::rescue(pool, BATCH)).await);
    let overdue = note("look for passed deadlines", db::within(sweep::enforce_deadlines(pool, BATCH)).await);
    note("look for scheduled jobs", db::within(sweep::admit_scheduled(pool, BATCH)).await);
    let days = i32::try_from(env.config.record_days).unwrap_or(i32::MAX);
    let forgotten = note("look for old records", db::within(sweep::forget(pool, days, RECORDS_BATCH)).await);
    let expired = note("look for files whose time is over", db::within(files::sweep::expire(pool, BATCH)).await);
    let notice = env.config.expiring_notice_seconds;
    if notice > 0 {
        let told = sweep::tell_expiring(pool, notice, RECORDS_BATCH);
        note("look for videos that will go soon", db::within(told).await);
    }
    let scrubbed = note("look for words whose time is over", db::within(sweep::scrub(pool, RECORDS_BATCH)).await);
    note("look for exports whose time is over", db::within(export::sweep(pool, BATCH)).await);
    note("look for legal holds that are over", db::within(hold::lapse(pool, BATCH)).await);
    erase(env).await;
    note("sum up old usage", db::within(privacy::sum_up(pool, ACCOUNTING_YEARS, RECORDS_BATCH)).await);
    note("look for what is left of old accounts", db::within(privacy::forget(pool, ACCOUNTING_YEARS, BATCH)).await);
    note("look for old webhook tries", db::within(log::forget(pool, RECORDS_BATCH)).await);
    note("look for old events of endpoints", db::within(log::forget_jobless(pool, RECORDS_BATCH)).await);
    if rescued > 0 {
        warn!(jobs = rescued, "Rescued jobs whose workers fell silent");
    }
    if overdue > 0 {
        info!(jobs = overdue, "Failed jobs whose deadline passed");
    }
    metrics::counter!("clipmill_rescues_total").increment(rescued as u64);
    metrics::counter!("clipmill_deadlines_exceeded_total").increment(overdue as u64);
    metrics::counter!("clipmill_files_expired_total").increment(expired as u64);
    metrics::counter!("clipmill_records_deleted_total").increment(forgotten as u64);
    metrics::counter!("clipmill_records_scrubbed_total").increment(scrubbed);
}

/// Goes a step on with each deletion that its request left to us. The objects have timers of their own.
async fn erase(env: &Env) {
    for erasure in note("look for deletions", db::within(erasure::claim(&env.pool, BATCH)).await) {
        note("go on with a deletion", db::within(erasure::step(&env.pool, &erasure)).await.map(drop));
    }
}

/// Says that this worker lives and what it measured.
pub(crate) async fn report(env: &Env) -> Result<(), Error> {
    fleet::report(&env.pool, &env.name, env.config.gpus, env.codecs(), &env.served()).await?;
    process::report(&env.pool, &env.process()).await?;
    fleet::forget(&env.pool).await?;
    process::forget(&env.pool).await?;
    orders::forget(&env.pool).await?;
    bucket::forget(&env.pool).await
}

fn note<T: Default>(what: &str, done: Result<T, Error>) -> T {
    done.unwrap_or_else(|error| {
        warn!(%error, "Could not {what}, trying again");
        T::default()
    })
}
