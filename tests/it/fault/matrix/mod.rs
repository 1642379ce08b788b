//! Every stage of a job's way times every fault. [`table`] says for each cell what is done and what may come of it;
//! [`facts`] says what has to hold after all of them.

mod end;
mod facts;
mod scene;
mod strike;
mod table;

use std::collections::HashSet;

use clipmill_tests::cluster::Cluster;

use end::End;
use scene::Scene;
use strike::Strike;

/// A stage of a job's way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Stage {
    Claim,
    Render,
    PostProcess,
    Upload,
    Complete,
    Notify,
    Expire,
}

/// What can happen to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Fault {
    Error,
    Panic,
    Killed,
    LeaseLost,
    ConnectionCut,
    PostgresRestarted,
    S3Refusing,
    S3Slow,
    DiskFull,
    OutOfMemory,
}

/// One cell of the matrix.
enum Cell {
    /// This cannot happen, for this reason.
    Never(&'static str),
    /// This is done, and the job has to end like this.
    Struck(Strike, End),
}

#[test]
fn the_table_has_every_stage_and_every_fault_once() {
    let cells: Vec<(Stage, Fault)> =
        table::ROWS.iter().flat_map(|(stage, row)| row.iter().map(|(fault, _)| (*stage, *fault))).collect();
    assert_eq!(cells.iter().collect::<HashSet<_>>().len(), 7 * 10, "seven stages and ten faults");
    assert_eq!(cells.len(), 7 * 10);
    for (stage, row) in &table::ROWS {
        for (fault, cell) in row {
            let Cell::Never(reason) = cell else { continue };
            assert!(reason.len() > 20, "{stage:?} and {fault:?} needs a reason");
        }
    }
}

/// Strikes every cell of a stage, but those that need a Postgres of their own.
async fn strike(stage: Stage) {
    for (fault, strike, end) in cells(stage).filter(|(_, strike, _)| !strike.restarts()) {
        eprintln!("{stage:?} and {fault:?}");
        Scene::new(stage, None).await.play(strike, end).await;
    }
}

fn cells(stage: Stage) -> impl Iterator<Item = (Fault, &'static Strike, &'static End)> {
    let rows = table::ROWS.iter().filter(move |(row, _)| *row == stage);
    rows.flat_map(|(_, row)| row).filter_map(|(fault, cell)| match cell {
        Cell::Struck(strike, end) => Some((*fault, strike, end)),
        Cell::Never(_) => None,
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_strikes_a_claim_the_job_ends_once() {
    strike(Stage::Claim).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_strikes_a_render_the_job_ends_once() {
    strike(Stage::Render).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_strikes_post_processing_the_job_ends_once() {
    strike(Stage::PostProcess).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_strikes_an_upload_the_job_ends_once() {
    strike(Stage::Upload).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_strikes_a_completion_the_job_ends_once() {
    strike(Stage::Complete).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_strikes_a_webhook_the_customer_is_told_under_one_id() {
    strike(Stage::Notify).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_strikes_an_expiry_the_video_goes_once() {
    strike(Stage::Expire).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn in_whatever_stage_postgres_is_restarted_the_job_ends_once() {
    let cluster = Cluster::start().await;
    for (stage, _) in table::ROWS {
        for (_, strike, end) in cells(stage).filter(|(_, strike, _)| strike.restarts()) {
            eprintln!("{stage:?} and a restart");
            Scene::new(stage, Some(&cluster)).await.play(strike, end).await;
        }
    }
}
