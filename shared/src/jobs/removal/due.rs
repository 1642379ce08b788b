//! Removals that are due: taken in batches, carried out by whoever took them, and settled together.

use std::collections::HashMap;
use std::time::Duration;

use sqlx::types::Json;
use sqlx::{PgConnection, PgPool};
use uuid::Uuid;

use super::Reason;
use crate::bell;
use crate::db;
use crate::id::{AccountId, RemovalId};
use crate::jobs::Output;
use crate::webhooks::event::EventKind;

/// A removal that was taken by [`claim`].
#[derive(Debug)]
pub struct Removal {
    /// Names the removal.
    pub id: RemovalId,
    /// Whose objects.
    pub account_id: AccountId,
    /// Of which job, file, archive or account.
    pub owner_id: Uuid,
    /// Why they go.
    pub reason: Reason,
    /// What their keys start with.
    pub prefix: String,
    /// Which try this is, from 1.
    pub attempt: i32,
    /// The keys themselves, where the ledger names all of them.
    pub keys: Option<Vec<String>>,
}

/// Takes up to `limit` removals that are due and puts each off by `patience`, in which it has to be settled. What a legal hold
/// keeps is put off by a day in passing.
pub async fn claim(pool: &PgPool, limit: i64, patience: Duration) -> Result<Vec<Removal>, sqlx::Error> {
    loop {
        let due = take(pool, limit, patience).await?;
        let is_idle = due.is_empty();
        let mut free: Vec<Removal> = due.into_iter().flatten().collect();
        if is_idle || !free.is_empty() {
            name_keys(pool, &mut free).await?;
            return Ok(free);
        }
    }
}

/// Takes removals that are due; none stands for one that is held.
async fn take(pool: &PgPool, limit: i64, patience: Duration) -> Result<Vec<Option<Removal>>, sqlx::Error> {
    let rows = sqlx::query!(
        r#"
        with due as materialized (
            select id, account_id, reason in ('expired', 'source') as may_be_held from removals
            where due_at <= now() order by due_at limit $1 for update skip locked
        ),
        judged as (
            select due.id, may_be_held and coalesce(hold_until > now(), false) as held
            from due join accounts on accounts.id = due.account_id
        )
        update removals
        set attempt = attempt + case when held then 0 else 1 end,
            due_at = now() + case when held then interval '1 day' else make_interval(secs => $2) end
        from judged where removals.id = any(array(select id from due)) and removals.id = judged.id
        returning removals.id as "id: RemovalId", account_id as "account_id: AccountId", job_id as owner_id,
            reason as "reason: Reason", prefix, attempt, held as "held!"
        "#,
        limit,
        patience.as_secs_f64(),
    )
    .fetch_all(pool)
    .await?;
    let removal = rows.into_iter().map(|row| {
        (!row.held).then_some(Removal {
            id: row.id,
            account_id: row.account_id,
            owner_id: row.owner_id,
            reason: row.reason,
            prefix: row.prefix,
            attempt: row.attempt,
            keys: None,
        })
    });
    Ok(removal.collect())
}

/// The outputs of a finished video, where they are kept, are all that its attempt stored, so nobody has to ask the store for them. Should there be more all
/// the same, the nightly comparison finds it: see `reconcile`.
async fn name_keys(pool: &PgPool, removals: &mut [Removal]) -> Result<(), sqlx::Error> {
    let expired = |removal: &&mut Removal| removal.reason == Reason::Expired;
    let ids: Vec<Uuid> = removals.iter_mut().filter(expired).map(|removal| removal.owner_id).collect();
    let rows = sqlx::query!(
        r#"select id, outputs as "outputs!: Json<Vec<Output>>" from jobs
        where id = any($1) and status = 'completed' and coalesce((delivery ->> 'keep')::boolean, true)"#,
        &ids,
    );
    let rows = rows.fetch_all(pool).await?;
    let outputs: HashMap<Uuid, Vec<Output>> = rows.into_iter().map(|row| (row.id, row.outputs.0)).collect();
    for removal in removals.iter_mut().filter(expired) {
        let key = |output: &Output| format!("{}{}", removal.prefix, output.file_name);
        let outputs = outputs.get(&removal.owner_id).filter(|outputs| !outputs.is_empty());
        removal.keys = outputs.map(|outputs| outputs.iter().map(key).collect());
    }
    Ok(())
}

/// The objects are gone: the rows may say so, in one transaction for all. Videos whose time was up become `expired`, and their
/// customers are told. Leaves alone what somebody else has taken meanwhile.
pub async fn settle(pool: &PgPool, removals: &[&Removal]) -> Result<(), sqlx::Error> {
    let mut tx = db::begin(pool).await?;
    let ids: Vec<Uuid> = removals.iter().map(|removal| removal.id.uuid()).collect();
    let attempts: Vec<i32> = removals.iter().map(|removal| removal.attempt).collect();
    let expired = removals.iter().filter(|removal| removal.reason == Reason::Expired);
    let owners: Vec<Uuid> = expired.map(|removal| removal.owner_id).collect();
    let expired = sqlx::query!(
        r#"
        with done as materialized (select * from unnest($1::uuid[], $2::int[]) as done (id, attempt)),
        -- Jobs come before their timers, and in one order, so that nobody waits for whoever waits for them.
        held as materialized (select id from jobs where id = any($3) order by id for update),
        gone as (
            delete from removals using done
            where (select count(*) from held) >= 0 and removals.id = any($1) and removals.id = done.id and removals.attempt = done.attempt
            returning account_id, job_id, reason
        ),
        expired as (
            update jobs set status = 'expired', outputs = null
            from gone
            where jobs.id = any($3) and jobs.id = gone.job_id and jobs.account_id = gone.account_id and reason = 'expired'
                and status = 'completed'
            returning jobs.id, jobs.account_id, case when webhook_format = 'standard' then webhook_url end as webhook_url
        ),
        told as (
            insert into events (id, account_id, job_id, kind)
            select uuid_v7(), account_id, id, $4 from expired order by id
            on conflict (job_id, kind) do nothing returning id, account_id, job_id
        ),
        wished as (
            insert into deliveries (id, account_id, event_id, url)
            select uuid_v7(), told.account_id, told.id, webhook_url from told join expired on expired.id = told.job_id
            where webhook_url is not null
            returning id
        )
        select id as "id!", exists (select from wished) as "wished!" from expired
        "#,
        &ids,
        &attempts,
        &owners,
        EventKind::Expired.as_str(),
    );
    let expired = expired.fetch_all(&mut *tx).await?;
    if expired.iter().any(|row| row.wished) {
        bell::ring(&mut tx, bell::OUTBOX, "").await?;
    }
    tell(&mut tx, &expired.iter().map(|row| row.id).collect::<Vec<_>>()).await?;
    tx.commit().await
}

/// Tells those who wait for these jobs.
async fn tell(tx: &mut PgConnection, jobs: &[Uuid]) -> Result<(), sqlx::Error> {
    for jobs in jobs.chunks(bell::RING_MOST) {
        let ids: Vec<String> = jobs.iter().map(|id| id.simple().to_string()).collect();
        bell::ring(tx, bell::CHANGED, &ids.join(" ")).await?;
    }
    Ok(())
}

/// The store refused these: each is tried again after its pause.
pub async fn postpone(pool: &PgPool, removals: &[(&Removal, Duration)]) -> Result<(), sqlx::Error> {
    let ids: Vec<Uuid> = removals.iter().map(|(removal, _)| removal.id.uuid()).collect();
    let attempts: Vec<i32> = removals.iter().map(|(removal, _)| removal.attempt).collect();
    let pauses: Vec<f64> = removals.iter().map(|(_, pause)| pause.as_secs_f64()).collect();
    sqlx::query!(
        r#"
        update removals
        set due_at = now() + make_interval(secs => refused.pause), failing_since = coalesce(failing_since, now())
        from unnest($1::uuid[], $2::int[], $3::float8[]) as refused (id, attempt, pause)
        where removals.id = any($1) and removals.id = refused.id and removals.attempt = refused.attempt
        "#,
        &ids,
        &attempts,
        &pauses,
    )
    .execute(pool)
    .await
    .map(drop)
}

/// Gives back what was taken and not begun: it is due at once, and the try does not count.
pub async fn release(pool: &PgPool, removals: &[Removal]) -> Result<(), sqlx::Error> {
    let ids: Vec<Uuid> = removals.iter().map(|removal| removal.id.uuid()).collect();
    let attempts: Vec<i32> = removals.iter().map(|removal| removal.attempt).collect();
    sqlx::query!(
        r#"
        update removals set due_at = now(), attempt = removals.attempt - 1
        from unnest($1::uuid[], $2::int[]) as given (id, attempt)
        where removals.id = any($1) and removals.id = given.id and removals.attempt = given.attempt
        "#,
        &ids,
        &attempts,
    )
    .execute(pool)
    .await
    .map(drop)
}

/// How removals stand, for the metrics. Neither count goes beyond a hundred thousand.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Backlog {
    /// Those that are due and that nobody has taken.
    pub due: i64,
    /// Those that the store refused and that are tried again.
    pub failing: i64,
    /// How long the oldest of both has been so, in seconds; 0 if there is none.
    pub oldest_seconds: f64,
}

/// How removals stand.
pub async fn backlog(pool: &PgPool) -> Result<Backlog, sqlx::Error> {
    sqlx::query_as!(
        Backlog,
        r#"
        select (select count(*) from (select from removals where due_at <= now() limit 100000) as due) as "due!",
            (select count(*) from (select from removals where failing_since is not null limit 100000) as failing) as "failing!",
            coalesce(extract(epoch from now() - least(
                (select due_at from removals where due_at <= now() order by due_at limit 1),
                (select failing_since from removals where failing_since is not null order by failing_since limit 1)
            )), 0)::float8 as "oldest_seconds!"
        "#
    )
    .fetch_one(pool)
    .await
}
