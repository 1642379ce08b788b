//! The count at the end: every job was done once, and told of once, and nothing of the attempts that were lost is left.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Result, ensure};
use clipmill_shared::db::PgPool;
use clipmill_shared::id::JobId;
use clipmill_shared::storage::Storage;
use clipmill_tests::process::until;
use clipmill_tests::server::text;
use clipmill_tests::{Receiver, check};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::clients::Clients;
use crate::site::Site;

/// Files of a finished job.
const FILES: usize = 5;

/// Compares the ledger and the store with what was submitted.
///
/// # Panics
/// When the ledger does not hold with itself or with the store.
pub(crate) async fn audit(site: &Site, clients: &Clients, receiver: &Receiver) -> Result<()> {
    settle(&site.pool).await?;
    let rows: Vec<(Uuid, String)> = sqlx::query_as("select id, status::text from jobs").fetch_all(&site.pool).await?;
    let completed: BTreeSet<String> =
        rows.iter().filter(|(_, status)| status == "completed").map(|(id, _)| JobId::from(*id).to_string()).collect();
    let submitted: BTreeSet<String> = clients.jobs().into_values().collect();
    ensure!(rows.len() == submitted.len(), "{} jobs for {} submits", rows.len(), submitted.len());
    ensure!(completed == submitted, "not completed: {:?}", submitted.difference(&completed));

    check::on_a_thread(site.database_url.clone(), site.storage.clone(), site.account);
    let objects = Storage::open(&site.storage).await.list(&format!("{}/", site.account)).await?;
    ensure!(objects.len() == FILES * rows.len(), "{} objects of {} jobs", objects.len(), rows.len());
    told_once(receiver, &submitted)?;
    clients.submit_again().await?;
    clients.download().await
}

/// Lets the workers do at once what they would do later: remove what lost attempts left, and tell what a lost worker did not.
async fn settle(pool: &PgPool) -> Result<()> {
    let due = "update removals set due_at = now() where reason <> 'expired';
        update deliveries set due_at = now() where settled_at is null";
    sqlx::raw_sql(due).execute(pool).await?;
    let left = "select (select count(*) from removals where reason <> 'expired')
        + (select count(*) from deliveries where settled_at is null)";
    until("that everything is told and removed", async || {
        sqlx::query_scalar::<_, i64>(left).fetch_one(pool).await.is_ok_and(|left| left == 0)
    })
    .await;
    Ok(())
}

/// Every job's end was told, under one id: who gets it twice can know.
fn told_once(receiver: &Receiver, submitted: &BTreeSet<String>) -> Result<()> {
    let mut told: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for message in receiver.messages() {
        let job = text(&message.json()["data"]["id"]).to_owned();
        told.entry(job).or_default().insert(message.header("webhook-id").to_owned());
    }
    ensure!(told.keys().eq(submitted), "{} jobs were told of, of {}", told.len(), submitted.len());
    let twice: Vec<_> = told.iter().filter(|(_, ids)| ids.len() > 1).collect();
    ensure!(twice.is_empty(), "told in two ways: {twice:?}");
    Ok(())
}

/// Numbers that say how much happened.
pub(crate) async fn figures(site: &Site, clients: &Clients, receiver: &Receiver) -> Result<Value> {
    let attempts: (i64, i32) =
        sqlx::query_as("select sum(attempt), max(attempt) from jobs").fetch_one(&site.pool).await?;
    let by_worker: Vec<(String, i64)> =
        sqlx::query_as("select left(worker, -33), count(*) from jobs where status = 'completed' group by 1")
            .fetch_all(&site.pool)
            .await?;
    Ok(json!({
        "jobs": clients.jobs().len(),
        "attempts": attempts.0, "attempts_of_one_job_max": attempts.1,
        "completed_by": by_worker.into_iter().collect::<BTreeMap<_, _>>(),
        "requests_without_an_answer": clients.unanswered(),
        "webhooks": receiver.messages().len(),
    }))
}
