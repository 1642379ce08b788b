//! What is left to do when the engine is done: from its last frame to the completed row.

use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use clipmill_shared::accounts::credits::Prices;
use clipmill_shared::jobs::submit::Intake;
use clipmill_shared::vault::Vault;

use crate::bench::{Bench, Database};
use crate::figure::{Figure, Reading};
use crate::film::{Film, Projector};
use crate::ledger;
use crate::postprocess::{encode, seconds_of};
use crate::stats::median;
use crate::worker::{Worker, open_jobs};

/// How far apart the looks at the ledger are.
const LOOK: Duration = Duration::from_millis(2);

/// From the last frame handed over to the row being completed, against encoding the film's video alone.
pub(crate) async fn measure(bench: &Bench, film: &Film) -> Result<Figure> {
    let database = bench.database("bench_tail").await?;
    let (account, _) = ledger::account(&database.pool).await?;
    let intake = Intake::new(database.pool.clone(), bench.storage().await?, Vault::default(), Prices::default());
    let engine = Projector::new(film);
    let worker = Worker::start(bench, &database, engine.clone()).await?;
    let (mut tails, mut alone) = (Vec::new(), Vec::new());
    for _ in 0..bench.sizes.rounds() {
        alone.push(seconds_of(encode(film, false)).await?.0);
        ledger::submit_film(&intake, account, film).await?;
        let completed = completed(&database, &worker).await?;
        let ended = engine.ended().context("nothing was rendered")?;
        tails.push(completed.saturating_duration_since(ended).as_secs_f64());
    }
    worker.stop().await?;
    let done = "select count(*) from jobs where status = 'completed'";
    let done: i64 = sqlx::query_scalar(done).fetch_one(&database.pool).await?;
    ensure!(usize::try_from(done)? == tails.len(), "{done} of {} jobs were completed", tails.len());
    let how = format!(
        "a whole worker with S3, and an engine that hands its {} frames over as fast as they are taken: from the last of them to the \
         completed row, with everything that is made and stored; against encoding the video alone; medians of {} alternating runs",
        film.frames,
        tails.len()
    );
    let name = "post-processing, tail".to_owned();
    Ok(Reading { name, value: median(&tails), unit: "s", reference: median(&alone), how }.at_most(0.15))
}

/// Waits until no job is open, and says when that was seen.
async fn completed(database: &Database, worker: &Worker) -> Result<Instant> {
    while open_jobs(&database.pool).await? > 0 {
        worker.check()?;
        tokio::time::sleep(LOOK).await;
    }
    Ok(Instant::now())
}
