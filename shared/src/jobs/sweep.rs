//! What time does to jobs: leases lapse, deadlines pass, scheduled jobs come due, old records go. Each in batches that skip
//! what others have in hand, so that any number of workers may sweep at the same time.

use sqlx::PgPool;

use super::halt::halt;
use super::lease::{LeaseError, Settlement, settle_in};
use super::{Failure, Job, job_query, removal, retry};
use crate::bell;
use crate::db;
use crate::webhooks::event::EventKind;

/// Takes up to `limit` lapsed leases and puts their jobs back into the queue with a pause, or fails those whose
/// attempts are spent. Says how many there were.
pub async fn rescue(pool: &PgPool, limit: i64) -> Result<usize, sqlx::Error> {
    let mut tx = db::begin(pool).await?;
    let lapsed = job_query!(
        "select",
        r#"
        from jobs where status = 'in_progress' and lease_until < now()
        order by lease_until limit $1 for update skip locked
        "#,
        limit,
    );
    let lapsed = lapsed.fetch_all(&mut *tx).await?;
    for job in &lapsed {
        match settle_in(&mut tx, job, verdict(job, &worker_lost()), true).await {
            // The row is locked by us, so it cannot have changed.
            Ok(()) | Err(LeaseError::Lost) => {}
            Err(LeaseError::Database(error)) => return Err(error),
        }
    }
    if !lapsed.is_empty() {
        let ids: Vec<String> = lapsed.iter().map(|job| job.id.uuid().simple().to_string()).collect();
        bell::ring(&mut tx, bell::CHANGED, &ids.join(" ")).await?;
    }
    tx.commit().await?;
    Ok(lapsed.len())
}

fn verdict<'a>(job: &Job, failure: &'a Failure) -> Settlement<'a> {
    match job.may_retry() {
        true => Settlement::Retry(retry::back_off(job.attempt - job.released, rand::random())),
        false => Settlement::Fail(failure),
    }
}

fn worker_lost() -> Failure {
    let message = "The worker was lost while rendering, on every attempt. Submit the request again, or change it.";
    Failure { code: "worker_lost", message: message.to_owned() }
}

/// Fails up to `limit` jobs whose time is over, whether they wait or run. Says how many there were.
pub async fn enforce_deadlines(pool: &PgPool, limit: i64) -> Result<usize, sqlx::Error> {
    let mut tx = db::begin(pool).await?;
    let overdue = job_query!(
        r#"
        update jobs
        set status = 'failed', lease_until = null, remote = null, finished_at = now(), error_code = 'deadline_exceeded',
            error_message = 'The video was not finished within its timeout_seconds. Submit the request again, or give it more time.'
        where id in (
            select id from jobs
            where status in ('queued', 'in_progress') and deadline_at is not null and deadline_at <= now()
            order by deadline_at limit $1 for update skip locked
        )
        returning"#,
        "",
        limit,
    );
    let overdue = overdue.fetch_all(&mut *tx).await?;
    for job in &overdue {
        halt(&mut tx, job, EventKind::Failed).await?;
    }
    tx.commit().await?;
    Ok(overdue.len())
}

/// Gives up to `limit` scheduled jobs whose time has come their place in the fair queue. Says how many there were. One sweep
/// at a time, and accounts in the order in which submits take them: else they could wait for each other.
pub async fn admit_scheduled(pool: &PgPool, limit: i64) -> Result<u64, sqlx::Error> {
    let mut tx = db::begin(pool).await?;
    let admitted = sqlx::query!(
        r#"
        with sweep as materialized (select pg_try_advisory_xact_lock(hashtextextended('admit', 0)) as is_ours),
        due as materialized (
            select id, account_id, tier, width::float8 * height * seconds / 1e6 as cost from jobs
            where status = 'queued' and virtual_start = 'infinity' and run_at <= now() and (select is_ours from sweep)
                and not exists (select from accounts where accounts.id = account_id and processing_limited_at is not null)
            order by run_at limit $1 for update skip locked
        ),
        placed as materialized (
            select place.* from (
                select array_agg(id) as ids, array_agg(account_id) as accounts, array_agg(tier) as tiers, array_agg(cost) as costs
                from (select * from due order by account_id, tier, id) as due
            ) as due
            cross join lateral fair_starts(ids, accounts, tiers, costs) as place
        )
        update jobs set virtual_start = fair_start from placed where jobs.id = job_id
        "#,
        limit,
    );
    let admitted = admitted.execute(&mut *tx).await?.rows_affected();
    if admitted > 0 {
        bell::ring(&mut tx, bell::QUEUED, "").await?;
    }
    tx.commit().await?;
    Ok(admitted)
}

/// Tells the customers of up to `limit` finished videos that their media go within so many seconds; not where they went elsewhere, never stay for
/// longer than that, or where a legal hold keeps them. Says how many were told.
pub async fn tell_expiring(pool: &PgPool, notice_seconds: u32, limit: i64) -> Result<i64, sqlx::Error> {
    let mut tx = db::begin(pool).await?;
    let told = sqlx::query!(
        r#"
        with due as materialized (
            select id from jobs
            where status = 'completed' and not expiry_noted and expires_at > now() and expires_at <= now() + make_interval(secs => $1)
            order by expires_at limit $2 for update skip locked
        ),
        noted as (
            update jobs set expiry_noted = true where id = any(array(select id from due))
            returning id, account_id, retention_seconds, delivery, case when webhook_format = 'standard' then webhook_url end as webhook_url
        ),
        told as (
            insert into events (id, account_id, job_id, kind)
            select uuid_v7(), account_id, noted.id, $3 from noted join accounts on accounts.id = account_id
            where noted.retention_seconds > $1 and coalesce((delivery ->> 'keep')::boolean, true) and (hold_until is null or hold_until <= now())
            order by noted.id
            on conflict (job_id, kind) do nothing returning id, account_id, job_id
        ),
        wished as (
            insert into deliveries (id, account_id, event_id, url)
            select uuid_v7(), told.account_id, told.id, webhook_url from told join noted on noted.id = told.job_id
            where webhook_url is not null
            returning id
        )
        select (select count(*) from told) as "told!", exists (select from wished) as "wished!"
        "#,
        f64::from(notice_seconds),
        limit,
        EventKind::Expiring.as_str(),
    );
    let told = told.fetch_one(&mut *tx).await?;
    if told.wished {
        bell::ring(&mut tx, bell::OUTBOX, "").await?;
    }
    tx.commit().await?;
    Ok(told.told)
}

/// Takes the words out of up to `limit` jobs that ended without a video and whose time is over. Says how many there were.
pub async fn scrub(pool: &PgPool, limit: i64) -> Result<u64, sqlx::Error> {
    let scrubbed = sqlx::query!(
        r#"
        update jobs
        set prompt = '', negative_prompt = null, revised_prompt = null, style = null, camera = null,
            watermark = jsonb_set(watermark, '{text}', '""', false), scrub_at = null, scrubbed_at = now()
        where id in (select id from jobs where scrub_at <= now() order by scrub_at limit $1 for update skip locked)
        "#,
        limit,
    );
    Ok(scrubbed.execute(pool).await?.rows_affected())
}

/// Deletes the records of up to `limit` jobs that ended without media, or whose media went, more than `days` ago and whose
/// customers have been told; not those of accounts that keep their history. What was used stays counted. Says how many there were.
pub async fn forget(pool: &PgPool, days: i32, limit: i64) -> Result<usize, sqlx::Error> {
    let mut tx = db::begin(pool).await?;
    let forgotten = job_query!(
        r#"
        delete from jobs
        where id in (
            select id from jobs
            where status in ('failed', 'cancelled', 'expired') and not kept and finished_at < now() - make_interval(days => $1)
                and not exists (
                    select from events join deliveries on deliveries.event_id = events.id
                    where events.job_id = jobs.id and deliveries.settled_at is null
                )
            order by finished_at limit $2 for update skip locked
        )
        returning"#,
        "",
        days,
        limit,
    );
    let forgotten = forgotten.fetch_all(&mut *tx).await?;
    for job in forgotten.iter().filter(|job| job.has_sources()) {
        removal::deleted(&mut tx, job).await?;
    }
    tx.commit().await?;
    Ok(forgotten.len())
}
