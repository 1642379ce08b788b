//! Submitting: one statement in which a wish becomes a row, once per idempotency key.

use rand::RngExt as _;
use sqlx::PgPool;

use super::spec::{Invalid, SEED_MAX, SourceImage, Spec};
use super::{Job, job_query, removal};
use crate::bell::Ringer;
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
    /// The account has as many jobs queued as it may.
    #[error("the account has as many jobs queued as it may")]
    QueueFull,
    /// The time that the job is to wait for cannot be accepted.
    #[error(transparent)]
    Invalid(Invalid),
    /// The images could not be stored.
    #[error(transparent)]
    Storage(#[from] StorageError),
    /// The database did not answer.
    #[error("the database failed: {0}")]
    Database(sqlx::Error),
}

impl From<sqlx::Error> for SubmitError {
    fn from(error: sqlx::Error) -> Self {
        match error.as_database_error().and_then(|error| error.constraint()) {
            Some("jobs_run_after") => Self::Invalid(Invalid::run_after()),
            _ => Self::Database(error),
        }
    }
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
    bell: &Ringer,
    account: AccountId,
    spec: &Spec,
    origin: Origin<'_>,
) -> Result<Submitted, SubmitError> {
    let id = JobId::new();
    let has_images = spec.first_frame.is_some() || spec.last_frame.is_some();
    if has_images {
        store_images(pool, storage, account, id, spec).await?;
    }
    let inserted = insert(pool, account, id, spec, origin).await;
    if let Ok(Some(job)) = inserted {
        bell.queued();
        return Ok(Submitted::New(job));
    }
    // Without the database's own word the job may exist all the same.
    let is_refused = inserted.as_ref().map_or_else(|error| error.as_database_error().is_some(), |_| true);
    if has_images && is_refused {
        removal::abandon_sources(pool, id).await?;
    }
    match inserted {
        Ok(_) => Err(SubmitError::QueueFull),
        Err(error) if is_taken(&error) => {
            find_earlier(pool, account, origin).await?.map(Submitted::Replayed).ok_or(SubmitError::Contended)
        }
        Err(error) => Err(error.into()),
    }
}

/// The other request with this key was faster; its row is committed by now.
fn is_taken(error: &sqlx::Error) -> bool {
    error.as_database_error().is_some_and(|error| error.constraint() == Some("jobs_idempotency"))
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

/// The row, its place in the fair queue and the end of the images' guard: all or nothing. `None` when the account's queue
/// is full. A taken key is an error here, so that the place is given back with everything else.
async fn insert(
    pool: &PgPool,
    account: AccountId,
    id: JobId,
    spec: &Spec,
    origin: Origin<'_>,
) -> Result<Option<Job>, sqlx::Error> {
    let metadata = serde_json::to_value(&spec.metadata).unwrap_or_default();
    let inserted = job_query!(
        r#"
        with asked as (
            select greatest($20::timestamptz, now()) as run_at, coalesce($20 > now(), false) as is_scheduled
            where may_queue($2)
        ),
        unguarded as (delete from removals using asked where job_id = $1 and reason = 'source')
        insert into jobs (id, account_id, tier, mode, model, prompt, negative_prompt, width, height, seconds, fps, seed,
            first_frame, last_frame, metadata, webhook_url, retention_seconds, idempotency_key, fingerprint,
            run_at, priority, timeout_seconds, deadline_at, virtual_start)
        select $1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19,
            run_at, $21, $22, run_at + make_interval(secs => $22::int),
            case when is_scheduled then 'infinity' else fair_start($2, $3, $23) end
        from asked
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
        spec.run_after,
        spec.priority,
        spec.timeout_seconds,
        spec.cost(),
    );
    inserted.fetch_optional(pool).await
}
