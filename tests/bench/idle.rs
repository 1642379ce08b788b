//! How much of the time a GPU waits although jobs do.

use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use clipmill_shared::accounts::credits::Prices;
use clipmill_shared::jobs::submit::Intake;
use clipmill_shared::vault::Vault;
use tokio::time::sleep;

use crate::bench::Bench;
use crate::engines::Steady;
use crate::figure::{Figure, Reading};
use crate::ledger;
use crate::worker::{Worker, open_jobs};

pub(crate) async fn measure(bench: &Bench) -> Result<Vec<Figure>> {
    let (jobs, lasts) = bench.sizes.pick((8, Duration::from_secs(5)), (3, Duration::from_secs(1)));
    eprintln!("Rendering {jobs} jobs of {lasts:?}");
    let database = bench.database("bench_idle").await?;
    let (account, _) = ledger::account(&database.pool).await?;
    let intake = Intake::new(database.pool.clone(), bench.storage().await?, Vault::default(), Prices::default());
    for _ in 0..jobs {
        ledger::submit(&intake, account).await?;
    }
    let engine = Arc::new(Steady::new(lasts));
    let worker = Worker::start(bench, &database, engine.clone()).await?;
    while open_jobs(&database.pool).await? > 0 {
        worker.check()?;
        sleep(Duration::from_millis(50)).await;
    }
    worker.stop().await?;
    let completed: i64 =
        sqlx::query_scalar("select count(*) from jobs where status = 'completed'").fetch_one(&database.pool).await?;
    ensure!(completed == jobs, "{completed} of {jobs} jobs were completed");
    let busy = engine.busy();
    let how = format!(
        "a whole worker with one GPU and S3, {jobs} jobs waiting, an engine that takes {lasts:?} for each and delivers its frames \
         evenly through it: the share of the time between the first start and the last end in which it did not render; the \
         reference is a bound"
    );
    let value = idle_share(&busy).context("nothing was rendered")?;
    let name = "idle GPU under a backlog".to_owned();
    Ok(vec![Reading { name, value, unit: "share", reference: 0.01, how }.at_most(1.0)])
}

fn idle_share(busy: &[(Instant, Instant)]) -> Option<f64> {
    let first = busy.iter().map(|(start, _)| *start).min()?;
    let last = busy.iter().map(|(_, end)| *end).max()?;
    let worked: Duration = busy.iter().map(|(start, end)| *end - *start).sum();
    Some(1.0 - worked.as_secs_f64() / (last - first).as_secs_f64())
}
