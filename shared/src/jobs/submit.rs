//! Submitting: one transaction in which a wish becomes a row, once per idempotency key.

use rand::RngExt as _;
use sqlx::PgPool;

use super::spec::{SEED_MAX, SourceImage, Spec};
use super::{Job, job_query, removal};
use crate::bell;
use crate::id::{AccountId, JobId};
use crate::storage::key;
use crate::storage::{Storage, StorageError};

/// A submit that came to a row.
#[derive(Debug)]
pub enum Submitted {
    /// This submit made the job.
    New(Job),
    /// An earlier submit with the same key made it.
    Replayed(Job),
}

/// Why there is no job.
#[derive(Debug, thiserror::Error)]
pub enum SubmitError {
    /// The idempotency key belongs to another wish.
    #[error("the idempotency key was used with another request")]
    KeyReused,
    /// The job of this idempotency key is being deleted at this moment.
    #[error("the job of this idempotency key is being deleted")]
    Contended,
    /// The images could not be stored.
    #[error(transparent)]
    Storage(#[from] StorageError),
    /// The database did not answer.
    #[error("the database failed: {0}")]
    Database(#[from] sqlx::Error),
}

/// What tells one request from another.
#[derive(Debug, Clone, Copy)]
pub struct Origin<'a> {
    /// The client's own name for the request.
    pub idempotency_key: Option<&'a str>,
    /// SHA-256 of all that the request says.
    pub fingerprint: &'a [u8; 32],
}

/// The job that an earlier request with the same idempotency key made, if there is one.
pub async fn find_earlier(pool: &PgPool, account: AccountId, origin: Origin<'_>) -> Result<Option<Job>, SubmitError> {
    let Some(key) = origin.idempotency_key else { return Ok(None) };
    let found = job_query!("select", "from jobs where account_id = $1 and idempotency_key = $2", account.uuid(), key);
    match found.fetch_optional(pool).await? {
        Some(job) if job.fingerprint != origin.fingerprint => Err(SubmitError::KeyReused),
        found => Ok(found),
    }
}

/// Makes a job of a wish, or finds the one that a simultaneous request with the same idempotency key made.
pub async fn submit(
    pool: &PgPool,
    storage: &Storage,
    account: AccountId,
    spec: &Spec,
    origin: Origin<'_>,
) -> Result<Submitted, SubmitError> {
    let id = JobId::new();
    if spec.first_frame.is_some() || spec.last_frame.is_some() {
        store_images(pool, storage, account, id, spec).await?;
    }
    match insert(pool, account, id, spec, origin).await? {
        Some(job) => Ok(Submitted::New(job)),
        // The other request was faster; its row is committed by now.
        None => {
            removal::abandon_sources(pool, id).await?;
            find_earlier(pool, account, origin).await?.map(Submitted::Replayed).ok_or(SubmitError::Contended)
        }
    }
}

/// Stores the source images before there is a row that names them. Should this process die in between, a timer
/// that was set first removes them.
async fn store_images(
    pool: &PgPool,
    storage: &Storage,
    account: AccountId,
    id: JobId,
    spec: &Spec,
) -> Result<(), SubmitError> {
    removal::guard_sources(pool, account, id).await?;
    let prefix = key::source_prefix(account, id);
    for (name, image) in [("first", &spec.first_frame), ("last", &spec.last_frame)] {
        if let Some(image) = image {
            storage
                .put(&format!("{prefix}{}", file_name(name, image)), image.content_type, image.bytes.clone())
                .await?;
        }
    }
    Ok(())
}

fn file_name(name: &str, image: &SourceImage) -> String {
    format!("{name}.{}", image.extension)
}

/// The row, its place in the fair queue, the end of the images' guard and the bell: all or nothing.
/// `None` when the idempotency key is taken.
async fn insert(
    pool: &PgPool,
    account: AccountId,
    id: JobId,
    spec: &Spec,
    origin: Origin<'_>,
) -> Result<Option<Job>, sqlx::Error> {
    let mut tx = pool.begin().await?;
    let virtual_start = stamp(&mut tx, account, spec).await?;
    let metadata = serde_json::to_value(&spec.metadata).unwrap_or_default();
    let inserted = job_query!(
        r#"
        insert into jobs (id, account_id, tier, mode, model, prompt, negative_prompt, width, height, seconds, fps, seed,
            first_frame, last_frame, metadata, webhook_url, retention_seconds, idempotency_key, fingerprint, virtual_start)
        values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20)
        on conflict (account_id, idempotency_key) where idempotency_key is not null do nothing
        returning"#,
        "",
        id.uuid(),
        account.uuid(),
        spec.tier as _,
        spec.mode() as _,
        spec.model,
        spec.prompt,
        spec.negative_prompt,
        spec.size.width as i32,
        spec.size.height as i32,
        spec.seconds,
        spec.fps,
        spec.seed.unwrap_or_else(|| rand::rng().random_range(0..=SEED_MAX)),
        spec.first_frame.as_ref().map(|image| file_name("first", image)),
        spec.last_frame.as_ref().map(|image| file_name("last", image)),
        metadata,
        spec.webhook_url,
        spec.retention_seconds,
        origin.idempotency_key,
        origin.fingerprint.as_slice(),
        virtual_start,
    );
    let Some(job) = inserted.fetch_optional(&mut *tx).await? else { return Ok(None) };
    removal::unguard_sources(&mut tx, id).await?;
    bell::ring(&mut tx, bell::QUEUED, "").await?;
    tx.commit().await?;
    Ok(Some(job))
}

/// Start-time fair queuing (Goyal, Vin, Cheng 1996): a job starts where its account's last one of the tier ends, but
/// never before the system's virtual time, which is the start of what is being served, else of what waits first, else
/// the end of all that was ever served. The clock is one for all tiers, so that a worker of several can compare them.
async fn stamp(tx: &mut sqlx::PgConnection, account: AccountId, spec: &Spec) -> Result<f64, sqlx::Error> {
    sqlx::query_scalar!(
        r#"
        with clock as (
            select coalesce(
                (select max(virtual_start) from jobs where status = 'in_progress'),
                (
                    select min(head) from unnest(enum_range(null::tier)) as every (tier) cross join lateral (
                        select min(virtual_start) as head from jobs where status = 'queued' and jobs.tier = every.tier
                    ) as heads
                ),
                (select max(virtual_finish) from shares),
                0
            ) as virtual_time
        )
        insert into shares as share (account_id, tier, virtual_finish)
        select $1, $2, virtual_time + $3 from clock
        on conflict (account_id, tier) do update
            set virtual_finish = greatest(share.virtual_finish, excluded.virtual_finish - $3) + $3 / share.weight
        returning virtual_finish - $3 / weight as "virtual_start!"
        "#,
        account.uuid(),
        spec.tier as _,
        spec.cost(),
    )
    .fetch_one(tx)
    .await
}
