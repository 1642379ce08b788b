//! The count at the end: every row, every object, every event, every row of usage, every webhook.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use anyhow::{Context as _, Result};
use clipmill_shared::id::JobId;
use clipmill_tests::server::text;
use clipmill_tests::{Receiver, Server};
use serde_json::{Value, json};
use uuid::Uuid;

/// Harm that was done, in words.
#[derive(Debug, Default)]
pub(crate) struct Harm {
    /// What should be there and is not.
    pub(crate) lost: Vec<String>,
    /// What is there more than once, or left over.
    pub(crate) doubled: Vec<String>,
    /// What waits for ever.
    pub(crate) stuck: Vec<String>,
}

/// A job as the ledger has it.
struct Row {
    status: String,
    attempt: i32,
    ends_told: i64,
    counted: i64,
}

impl Harm {
    /// Whether there is none.
    pub(crate) fn is_none(&self) -> bool {
        self.lost.is_empty() && self.doubled.is_empty() && self.stuck.is_empty()
    }

    /// Compares everything that there is with what was submitted and what may have been deleted.
    pub(crate) async fn find(
        server: &Server,
        receiver: &Receiver,
        jobs: &[Value],
        unwanted: &HashSet<String>,
    ) -> Result<Self> {
        let mut harm = Self::default();
        let mut rows = rows(server).await?;
        for job in jobs {
            let id = text(job);
            let objects = server.objects(job).await;
            match rows.remove(id) {
                Some(row) => harm.judge(server, id, &row, &objects),
                None if unwanted.contains(id) => harm.left_over(id, objects.len()),
                None => harm.lost.push(format!("{id} has no row")),
            }
        }
        harm.doubled.extend(rows.into_keys().map(|id| format!("{id} was never answered")));
        harm.judge_deliveries(server, receiver).await?;
        harm.judge_messages(receiver);
        harm.judge_timers(server).await?;
        Ok(harm)
    }

    fn judge(&mut self, server: &Server, id: &str, row: &Row, objects: &[String]) {
        match row.status.as_str() {
            "completed" => {
                let prefix = format!("{}/{id}/{}/", server.account, row.attempt);
                let own = objects.iter().filter(|key| key.starts_with(&prefix)).count();
                if own != 5 {
                    self.lost.push(format!("{id} has {own} of 5 files"));
                }
                self.left_over(id, objects.len() - own);
            }
            "cancelled" => self.left_over(id, objects.len()),
            "queued" | "in_progress" => return self.stuck.push(format!("{id} is {}", row.status)),
            other => self.lost.push(format!("{id} is {other}")),
        }
        match row.ends_told {
            1 => {}
            0 => self.lost.push(format!("{id} has no event of its end")),
            more => self.doubled.push(format!("{id} has {more} events of its end")),
        }
        if row.counted != i64::from(row.status == "completed") {
            self.doubled.push(format!("{id} is {} and counted {} times", row.status, row.counted));
        }
    }

    fn left_over(&mut self, id: &str, objects: usize) {
        if objects > 0 {
            self.doubled.push(format!("{id} has {objects} objects too many"));
        }
    }

    /// Every event was told, and nothing waits to be.
    async fn judge_deliveries(&mut self, server: &Server, receiver: &Receiver) -> Result<()> {
        let told: HashSet<String> =
            receiver.messages().iter().map(|message| text(&message.json()["id"]).to_owned()).collect();
        let events = "select events.id, coalesce(bool_and(delivered), false), count(deliveries.id)
            from events left join deliveries on event_id = events.id group by 1";
        let events: Vec<(Uuid, bool, i64)> = sqlx::query_as(events).fetch_all(&server.pool).await?;
        for (id, delivered, deliveries) in events {
            let id = format!("evt_{}", id.simple());
            if deliveries != 1 {
                self.doubled.push(format!("{id} has {deliveries} webhooks"));
            }
            if !delivered {
                self.stuck.push(format!("{id} is not delivered"));
            }
            if !told.contains(&id) {
                self.lost.push(format!("{id} was never told"));
            }
        }
        Ok(())
    }

    /// No event came under two ids, and no job ended in two ways.
    fn judge_messages(&mut self, receiver: &Receiver) {
        let mut ids: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        let mut ends: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        for message in receiver.messages() {
            let event = message.json();
            ids.entry(text(&event["id"]).to_owned()).or_default().insert(message.header("webhook-id").to_owned());
            ends.entry(text(&event["data"]["id"]).to_owned()).or_default().insert(event.to_string());
        }
        for (what, seen) in ids.into_iter().chain(ends) {
            if seen.len() > 1 {
                self.doubled.push(format!("{what} was told as {seen:?}"));
            }
        }
    }

    async fn judge_timers(&mut self, server: &Server) -> Result<()> {
        let left: Vec<String> =
            sqlx::query_scalar("select prefix from removals where reason <> 'expired'").fetch_all(&server.pool).await?;
        self.stuck.extend(left.into_iter().map(|prefix| format!("{prefix} is still to be removed")));
        Ok(())
    }
}

/// Every job by its public id.
async fn rows(server: &Server) -> Result<HashMap<String, Row>> {
    let rows = "select id, status::text, attempt,
            (select count(*) from events where job_id = jobs.id and kind not in ('video.expiring', 'video.expired')),
            (select count(*) from usage where job_id = jobs.id)
        from jobs";
    let rows: Vec<(Uuid, String, i32, i64, i64)> = sqlx::query_as(rows).fetch_all(&server.pool).await?;
    let row = |(id, status, attempt, ends_told, counted): (Uuid, _, _, _, _)| {
        (JobId::from(id).to_string(), Row { status, attempt, ends_told, counted })
    };
    Ok(rows.into_iter().map(row).collect())
}

/// Sends and removes all that is due.
pub(crate) async fn settle(server: &Server) -> Result<()> {
    let aged = "update deliveries set due_at = now() where settled_at is null";
    sqlx::query(aged).execute(&server.pool).await.context("cannot make deliveries due")?;
    while server.notify().await > 0 {}
    sqlx::query("update removals set due_at = now() where reason <> 'expired'").execute(&server.pool).await?;
    while server.expire().await > 0 {}
    Ok(())
}

/// Numbers that say how much happened.
pub(crate) async fn figures(server: &Server, receiver: &Receiver) -> Result<Value> {
    let by_status: Vec<(String, i64)> =
        sqlx::query_as("select status::text, count(*) from jobs group by 1").fetch_all(&server.pool).await?;
    let attempts: (i64, i64, i32) = sqlx::query_as(
        "select coalesce(sum(attempt), 0), coalesce(sum(released), 0), coalesce(max(attempt), 0) from jobs",
    )
    .fetch_one(&server.pool)
    .await?;
    let messages = receiver.messages();
    let ids: HashSet<&str> = messages.iter().map(|message| message.header("webhook-id")).collect();
    Ok(json!({
        "by_status": by_status.into_iter().collect::<BTreeMap<_, _>>(),
        "attempts": attempts.0, "attempts_released": attempts.1, "attempts_of_one_job_max": attempts.2,
        "webhooks": ids.len(), "webhooks_sent_again": messages.len() - ids.len(),
    }))
}
