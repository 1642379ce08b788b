//! Submitting: one statement in which wishes become rows, once per idempotency key. Submits that come at about the same time
//! share it, and its commit.

use std::collections::{BTreeMap, HashMap};

use chrono::{DateTime, Utc};
use rand::RngExt as _;
use serde::Serialize;
use sqlx::{PgConnection, PgPool};
use uuid::Uuid;

use super::spec::{Invalid, SEED_MAX, Spec};
use super::{
    Delivery, Fit, Job, Mode, OutputOptions, Watermark, WebhookFormat, delivery, job_query, removal, watermark,
};
use crate::accounts::credits::Prices;
use crate::batch::{Batcher, Unanswered};
use crate::bell::Ringer;
use crate::id::{AccountId, DestinationId, JobId, KeyId};
use crate::picture::{Content, PictureType, SourceImage};
use crate::storage::key;
use crate::storage::{Storage, StorageError};
use crate::tier::Tier;
use crate::vault::Vault;

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
    /// The database did not answer.
    #[error(transparent)]
    Unanswered(#[from] Unanswered),
    /// The account has as many jobs queued as it may.
    #[error("the account has as many jobs queued as it may")]
    QueueFull,
    /// Nothing of the account is processed.
    #[error("nothing of the account is processed at the moment")]
    ProcessingLimited,
    /// The account has too few credits left.
    #[error("the account has too few credits left")]
    InsufficientCredits,
    /// Another job has the number.
    #[error("another job has this number")]
    NumberTaken,
    /// The time that the job is to wait for cannot be accepted, or a file that it was to be made of is gone.
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
            Some("jobs_destination") => Self::Invalid(delivery::no_destination()),
            Some("jobs_run_after") => Self::Invalid(Invalid::run_after()),
            Some("jobs_number") => Self::NumberTaken,
            Some("jobs_credits") => Self::InsufficientCredits,
            _ => Self::Database(error),
        }
    }
}

/// Where a request came from, and what tells it from another.
#[derive(Debug, Clone, Copy)]
pub struct Origin<'a> {
    /// The key that came with it.
    pub api_key: Option<KeyId>,
    /// The job's name for a client whose ids are numbers.
    pub number: Option<i64>,
    /// In which words the client wants to be told.
    pub webhook_format: WebhookFormat,
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

/// Takes submits.
#[derive(Clone)]
pub struct Intake {
    pool: PgPool,
    storage: Storage,
    vault: Vault,
    prices: Prices,
    inserts: Batcher<Row, Inserted>,
}

impl Intake {
    /// An intake into this ledger and store, at these prices, that seals what is secret in a wish. Has to be made inside of a runtime.
    pub fn new(pool: PgPool, storage: Storage, vault: Vault, prices: Prices) -> Self {
        const TOGETHER: usize = 64;
        let bell = Ringer::new(pool.clone());
        let inserts = Batcher::new(pool.clone(), TOGETHER, move |connection, rows: &[Row]| {
            let bell = bell.clone();
            Box::pin(async move { insert_together(connection, rows).await.inspect(|_| bell.queued()) })
        });
        Self { pool, storage, vault, prices, inserts }
    }

    /// Makes a job of a wish, or finds the one that a simultaneous request with the same idempotency key made.
    pub async fn submit(&self, account: AccountId, spec: &Spec, origin: Origin<'_>) -> Result<Submitted, SubmitError> {
        let id = JobId::new();
        let has_images = spec.images().next().is_some() || spec.mark_image().is_some();
        if has_images {
            store_images(&self.pool, &self.storage, account, id, spec).await?;
        }
        // Without an answer the job may exist all the same, and its images stay guarded.
        let row = Row::new(account, id, spec, origin, &self.prices);
        let inserted = self.inserts.ask(row.delivered(id, spec, &self.vault)).await?;
        if let Ok(Some(job)) = inserted {
            return Ok(Submitted::New(job));
        }
        if has_images {
            removal::abandon_sources(&self.pool, id).await?;
        }
        inserted?;
        // Another request with this key was faster, and its row is committed by now; else it was not let in.
        match find_earlier(&self.pool, account, origin).await? {
            Some(job) => Ok(Submitted::Replayed(job)),
            None => Err(refusal(&self.pool, account).await?),
        }
    }
}

/// Why a wish was not let in.
async fn refusal(pool: &PgPool, account: AccountId) -> Result<SubmitError, sqlx::Error> {
    let is_limited = sqlx::query_scalar!(
        r#"select exists (select from accounts where id = $1 and processing_limited_at is not null) as "is_limited!""#,
        account.uuid(),
    );
    match is_limited.fetch_one(pool).await? {
        true => Ok(SubmitError::ProcessingLimited),
        false => Ok(SubmitError::QueueFull),
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
    let images = [("input_reference", "first", &spec.first_frame), ("last_frame", "last", &spec.last_frame)];
    for (field, name, image) in images {
        if let Some(image) = image {
            store_image(storage, field, &format!("{prefix}{}", file_name(name, image)), image).await?;
        }
    }
    if let Some(image) = spec.mark_image() {
        let (key, kind) = (format!("{prefix}{}", watermark::FILE_NAME), PictureType::Png.content_type());
        storage.put(&key, kind, image.clone()).await?;
    }
    Ok(())
}

/// A file of the customer's is copied within the store, so that it may go while the job needs it.
async fn store_image(
    storage: &Storage,
    field: &'static str,
    key: &str,
    image: &SourceImage,
) -> Result<(), SubmitError> {
    match &image.content {
        Content::Bytes(bytes) => Ok(storage.put(key, image.kind.content_type(), bytes.clone()).await?),
        Content::Object(object) => storage.copy(object, key).await.map_err(|error| match error {
            StorageError::NotFound => SubmitError::Invalid(Invalid::no_file(field)),
            error => error.into(),
        }),
    }
}

fn file_name(name: &str, image: &SourceImage) -> String {
    format!("{name}.{}", image.kind.extension())
}

/// A wish as the ledger takes it.
#[derive(Serialize)]
struct Row {
    id: Uuid,
    account_id: Uuid,
    tier: Tier,
    mode: Mode,
    model: String,
    prompt: String,
    negative_prompt: Option<String>,
    width: u32,
    height: u32,
    seconds: i32,
    fps: i32,
    seed: i64,
    first_frame: Option<String>,
    last_frame: Option<String>,
    fit: Fit,
    metadata: BTreeMap<String, String>,
    webhook_url: Option<String>,
    retention_seconds: i32,
    retention_is_default: bool,
    retention_max_seconds: u32,
    idempotency_key: Option<String>,
    fingerprint: String,
    run_after: Option<DateTime<Utc>>,
    priority: i16,
    timeout_seconds: Option<i32>,
    cost: f64,
    credits: i64,
    api_key_id: Option<Uuid>,
    number: Option<i64>,
    remixed_from: Option<Uuid>,
    style: Option<String>,
    camera: Option<String>,
    revised_prompt: Option<String>,
    webhook_format: WebhookFormat,
    output_options: OutputOptions,
    watermark: Option<Watermark>,
    delivery: Option<Delivery>,
    destination_id: Option<Uuid>,
    /// Sealed, in hexadecimal.
    upload_url: Option<String>,
}

impl Row {
    fn new(account: AccountId, id: JobId, spec: &Spec, origin: Origin<'_>, prices: &Prices) -> Self {
        Self {
            id: id.uuid(),
            account_id: account.uuid(),
            tier: spec.tier,
            mode: spec.mode(),
            model: spec.model.clone(),
            prompt: spec.prompt.clone(),
            negative_prompt: spec.negative_prompt.clone(),
            width: spec.size.width,
            height: spec.size.height,
            seconds: spec.seconds,
            fps: spec.fps,
            seed: spec.seed.unwrap_or_else(|| rand::rng().random_range(0..=SEED_MAX)),
            first_frame: spec.first_frame.as_ref().map(|image| file_name("first", image)),
            last_frame: spec.last_frame.as_ref().map(|image| file_name("last", image)),
            fit: spec.fit,
            metadata: spec.metadata.clone(),
            webhook_url: spec.webhook_url.clone(),
            retention_seconds: spec.retention_seconds,
            retention_is_default: spec.retention_is_default,
            retention_max_seconds: spec.tier.limits().retention.max_seconds,
            idempotency_key: origin.idempotency_key.map(str::to_owned),
            fingerprint: hex::encode(origin.fingerprint),
            run_after: spec.run_after,
            priority: spec.priority,
            timeout_seconds: spec.timeout_seconds,
            cost: spec.cost(),
            credits: prices.of(spec.tier, spec.size, spec.seconds),
            api_key_id: origin.api_key.map(KeyId::uuid),
            number: origin.number,
            remixed_from: spec.remixed_from.map(JobId::uuid),
            style: spec.style.clone(),
            camera: spec.camera.clone(),
            revised_prompt: spec.revised_prompt.clone(),
            webhook_format: origin.webhook_format,
            output_options: spec.output.clone(),
            watermark: spec.mark.as_ref().map(|mark| mark.watermark.clone()),
            delivery: None,
            destination_id: None,
            upload_url: None,
        }
    }

    /// The same, with where the finished files go.
    fn delivered(self, id: JobId, spec: &Spec, vault: &Vault) -> Self {
        let Some(order) = &spec.delivery else { return self };
        Self {
            delivery: Some(order.delivery()),
            destination_id: order.destination().map(DestinationId::uuid),
            upload_url: order.upload_url().map(|url| hex::encode(url.seal(vault, id).bytes())),
            ..self
        }
    }
}

type Inserted = Result<Option<Job>, sqlx::Error>;

/// Inserts rows with one commit. When the database refuses that, each goes by itself, so that nobody is refused for another's
/// row.
async fn insert_together(connection: &mut PgConnection, rows: &[Row]) -> Result<Vec<Inserted>, sqlx::Error> {
    Ok(match insert(connection, rows).await {
        Ok(jobs) => jobs.into_iter().map(Ok).collect(),
        Err(error) if error.as_database_error().is_none() => return Err(error),
        Err(error) if rows.len() == 1 => vec![Err(error)],
        Err(_) => {
            let mut one_by_one = Vec::new();
            for row in rows {
                one_by_one
                    .push(insert(connection, std::slice::from_ref(row)).await.map(|mut jobs| jobs.pop().flatten()));
            }
            one_by_one
        }
    })
}

/// The rows, their places in the fair queue and the end of the images' guards: all or nothing. None where the idempotency
/// key is taken or the account's queue is full. Accounts are taken in one order, so that no two statements wait for each other.
async fn insert(connection: &mut PgConnection, rows: &[Row]) -> Result<Vec<Option<Job>>, sqlx::Error> {
    let wishes = serde_json::to_value(rows).unwrap_or_default();
    let inserted = job_query!(
        r#"
        with wish as (
            select distinct on (account_id, idempotency_key, case when idempotency_key is null then id end) wish.*
            from jsonb_to_recordset($1) as wish (id uuid, account_id uuid, tier tier, mode job_mode, model text, prompt text,
                negative_prompt text, width int, height int, seconds int, fps int, seed bigint, first_frame text,
                last_frame text, fit image_fit, metadata jsonb, webhook_url text, retention_seconds int,
                retention_is_default bool, retention_max_seconds int, idempotency_key text, fingerprint text,
                run_after timestamptz, priority smallint, timeout_seconds int, cost float8, credits bigint, api_key_id uuid,
                number bigint, remixed_from uuid, style text, camera text, revised_prompt text, webhook_format webhook_format,
                output_options jsonb, watermark jsonb, delivery jsonb, destination_id uuid, upload_url text)
            left join lateral (
                select id as earlier_id from jobs
                where jobs.account_id = wish.account_id and jobs.idempotency_key = wish.idempotency_key limit 1
            ) as earlier on true
            where earlier_id is null
        ),
        asked as materialized (
            select * from (
                select *, row_number() over (partition by account_id order by id) as nth from wish
                order by account_id, tier, id
            ) as wish
            where may_queue(account_id, nth)
        ),
        placed as materialized (
            select place.* from (
                select array_agg(id) as ids, array_agg(account_id) as accounts, array_agg(tier) as tiers, array_agg(cost) as costs
                from (select * from asked where run_after is null or run_after <= now() order by account_id, tier, id) as asked
            ) as due
            cross join lateral fair_starts(ids, accounts, tiers, costs) as place
        ),
        inserted as (
            insert into jobs (id, account_id, tier, mode, model, prompt, negative_prompt, width, height, seconds, fps, seed,
                first_frame, last_frame, fit, metadata, webhook_url, retention_seconds, idempotency_key, fingerprint,
                run_at, priority, timeout_seconds, deadline_at, virtual_start, credits,
                api_key_id, number, remixed_from, style, camera, revised_prompt, webhook_format, output_options, watermark,
                delivery, destination_id, upload_url)
            select id, account_id, tier, mode, model, prompt, negative_prompt, width, height, seconds, fps, seed,
                first_frame, last_frame, fit, metadata, webhook_url,
                case when retention_is_default
                    then least(coalesce(retention_default, retention_seconds), retention_max_seconds) else retention_seconds
                end,
                idempotency_key, decode(fingerprint, 'hex'), greatest(run_after, now()), priority, timeout_seconds,
                greatest(run_after, now()) + make_interval(secs => timeout_seconds),
                coalesce(fair_start, 'infinity'), case when metered then credits end, api_key_id, number, remixed_from, style, camera, revised_prompt, webhook_format,
                output_options, watermark, delivery, destination_id, decode(upload_url, 'hex')
            from asked left join placed on job_id = id
            join (select id as owner_id, metered, retention_seconds as retention_default from accounts) as owner on owner_id = account_id
            -- Nobody is let in any more once the first row is written: the count of what is queued would see it.
            where (select count(*) from asked) > 0
            on conflict (account_id, idempotency_key) where idempotency_key is not null do nothing
            returning *
        ),
        -- Of the inserted alone: who lost its key to another statement has yet to have its images removed.
        unguarded as (delete from removals using inserted where job_id = inserted.id and reason = 'source')
        select"#,
        "from inserted",
        wishes,
    );
    let mut jobs: HashMap<Uuid, Job> =
        inserted.fetch_all(connection).await?.into_iter().map(|job| (job.id.uuid(), job)).collect();
    Ok(rows.iter().map(|row| jobs.remove(&row.id)).collect())
}
