//! Finishing: one statement in which a job is completed, counted, timed and told of. There is no finished job without
//! its event, its timer and its usage, and none of them without a finished job. Endpoints of the account are told by the event.

use sqlx::PgPool;

use super::lease::LeaseError;
use super::{Job, Output};
use crate::bell;
use crate::id::{DeliveryId, EventId, RemovalId};
use crate::storage::key;
use crate::webhooks::event::EventKind;

/// Completes the attempt that `job` is on, if it still holds the lease.
pub(super) async fn complete(pool: &PgPool, job: &Job, outputs: &[Output]) -> Result<(), LeaseError> {
    let completed = sqlx::query_scalar!(
        r#"
        with completed as (
            update jobs
            set status = 'completed', progress = 100, lease_until = null, remote = null, outputs = $3, finished_at = now(),
                delivered_at = case when delivery is not null then now() end,
                expires_at = now() + make_interval(secs => retention_seconds)
            where id = $1 and status = 'in_progress' and attempt = $2
            returning id, account_id, api_key_id, tier, width, height, seconds, credits, first_frame, last_frame, watermark, webhook_url, expires_at
        ),
        counted as (
            insert into usage (job_id, account_id, api_key_id, tier, width, height, seconds, credits)
            select id, account_id, api_key_id, tier, width, height, seconds, credits from completed
        ),
        timed as (
            insert into removals (id, account_id, job_id, reason, prefix, due_at)
            select $4::uuid, account_id, id, 'expired'::removal_reason, $5, expires_at from completed
            union all
            select $6::uuid, account_id, completed.id, 'source'::removal_reason, $7, now()
            from completed join accounts on accounts.id = account_id
            where (first_frame is not null or last_frame is not null or completed.watermark ? 'image') and not keep_history
            on conflict (job_id, reason, prefix) do update set due_at = excluded.due_at
        ),
        told as (
            insert into events (id, account_id, job_id, kind) select $8::uuid, account_id, id, $9 from completed
            on conflict (job_id, kind) do nothing returning id, account_id
        ),
        wished as (
            insert into deliveries (id, account_id, event_id, url)
            select $10::uuid, told.account_id, told.id, webhook_url from told, completed where webhook_url is not null
            returning id
        )
        select case when exists (select from wished) then pg_notify($11, '') end::text as "rung" from completed
        "#,
        job.id.uuid(),
        job.attempt,
        sqlx::types::Json(outputs) as _,
        RemovalId::new().uuid(),
        job.attempt_prefix(),
        RemovalId::new().uuid(),
        key::source_prefix(job.account_id, job.id),
        EventId::new().uuid(),
        EventKind::Completed.as_str(),
        DeliveryId::new().uuid(),
        bell::OUTBOX,
    );
    match completed.fetch_optional(pool).await? {
        Some(_) => Ok(()),
        None => confirm(pool, job).await,
    }
}

/// No row after an answer that never came may mean that the first try did it.
async fn confirm(pool: &PgPool, job: &Job) -> Result<(), LeaseError> {
    let done = sqlx::query_scalar!(
        r#"select exists (select from jobs where id = $1 and attempt = $2 and status in ('completed', 'expired')) as "done!""#,
        job.id.uuid(),
        job.attempt,
    );
    if done.fetch_one(pool).await? { Ok(()) } else { Err(LeaseError::Lost) }
}
