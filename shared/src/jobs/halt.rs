//! What follows when a job ends from outside, cancelled or out of time, whether it waits or runs.

use sqlx::PgConnection;

use super::{Job, removal};
use crate::bell;
use crate::webhooks::event::EventKind;
use crate::webhooks::outbox;

/// The customer is told, what was stored goes, and a worker that has the job is told to stop.
pub(super) async fn halt(tx: &mut PgConnection, job: &Job, kind: EventKind) -> Result<(), sqlx::Error> {
    outbox::record(tx, job.account_id, job.id, kind, job.webhook_url.as_deref()).await?;
    removal::sources(tx, job).await?;
    if job.attempt > 0 {
        removal::superseded(tx, job, true).await?;
    }
    bell::ring(tx, bell::HALT, &job.id.uuid().to_string()).await
}
