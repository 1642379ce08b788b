//! Reading: one job, or a page of them. The account always comes first.

use std::collections::HashMap;

use serde_json::Value;
use sqlx::{PgConnection, PgPool};

use super::{Job, JobStatus, job_query};
use crate::id::{AccountId, JobId};
use crate::secret::ApiKey;

/// The job of this id, if the account has it.
pub async fn find(pool: &PgPool, account: AccountId, id: JobId) -> Result<Option<Job>, sqlx::Error> {
    job_query!("select", "from jobs where account_id = $1 and id = $2", account.uuid(), id.uuid())
        .fetch_optional(pool)
        .await
}

/// The job of this number, if the account has it.
pub async fn find_by_number(pool: &PgPool, account: AccountId, number: i64) -> Result<Option<Job>, sqlx::Error> {
    job_query!("select", "from jobs where number = $2 and account_id = $1", account.uuid(), number)
        .fetch_optional(pool)
        .await
}

/// The jobs that these keys ask for, in one statement that also proves the keys: none where the key is dead, its account has
/// no such job, or another key of the batch asks for the same one.
pub async fn poll(connection: &mut PgConnection, asked: &[(ApiKey, JobId)]) -> Result<Vec<Option<Job>>, sqlx::Error> {
    let mut askers: HashMap<JobId, &ApiKey> = HashMap::new();
    for (key, id) in asked {
        askers.entry(*id).or_insert(key);
    }
    let lookups: Vec<&str> = askers.values().map(|key| key.lookup()).collect();
    let hashes: Vec<Vec<u8>> = askers.values().map(|key| key.hash().to_vec()).collect();
    let ids: Vec<_> = askers.keys().map(|id| id.uuid()).collect();
    // A hash may be compared byte by byte: who could learn how far it matched would learn nothing of the key.
    let found = job_query!(
        "select",
        r#"
        from jobs where (account_id, id) in (
            select api_keys.account_id, wanted.id from unnest($1::text[], $2::bytea[], $3::uuid[]) as wanted (lookup, hash, id)
            join api_keys on api_keys.lookup = wanted.lookup and api_keys.hash = wanted.hash and revoked_at is null
                and (api_keys.expires_at is null or api_keys.expires_at > now()) and 'videos:read' = any (scopes)
        )
        "#,
        &lookups as _,
        &hashes,
        &ids,
    );
    let found: HashMap<JobId, Job> = found.fetch_all(connection).await?.into_iter().map(|job| (job.id, job)).collect();
    let is_its_own = |key: &ApiKey, id: &JobId| askers.get(id).is_some_and(|asker| *asker == key);
    Ok(asked.iter().map(|(key, id)| found.get(id).filter(|_| is_its_own(key, id)).cloned()).collect())
}

/// Which jobs to list.
#[derive(Debug)]
pub struct Filter {
    /// Newest first.
    pub descending: bool,
    /// Only what comes after this job; from the start if none.
    pub after: Option<JobId>,
    /// Only those in this state.
    pub status: Option<JobStatus>,
    /// Only those that carry all of these pairs.
    pub metadata: Value,
}

/// A page of jobs in the order of their ids, which is that of their creation, and whether there are more.
pub async fn list(
    pool: &PgPool,
    account: AccountId,
    filter: &Filter,
    limit: u32,
) -> Result<(Vec<Job>, bool), sqlx::Error> {
    let fetch = i64::from(limit) + 1;
    let mut jobs = match filter.descending {
        true => newest_first(pool, account, filter, fetch).await?,
        false => oldest_first(pool, account, filter, fetch).await?,
    };
    let more = jobs.len() > limit as usize;
    jobs.truncate(limit as usize);
    Ok((jobs, more))
}

async fn newest_first(pool: &PgPool, account: AccountId, filter: &Filter, limit: i64) -> Result<Vec<Job>, sqlx::Error> {
    job_query!(
        "select",
        r#"
        from jobs
        where account_id = $1
            and ($2::uuid is null or id < $2)
            and ($3::job_status is null or status = $3) and metadata @> $4
        order by id desc limit $5
        "#,
        account.uuid(),
        filter.after.map(JobId::uuid),
        filter.status as _,
        filter.metadata,
        limit,
    )
    .fetch_all(pool)
    .await
}

async fn oldest_first(pool: &PgPool, account: AccountId, filter: &Filter, limit: i64) -> Result<Vec<Job>, sqlx::Error> {
    job_query!(
        "select",
        r#"
        from jobs
        where account_id = $1
            and ($2::uuid is null or id > $2)
            and ($3::job_status is null or status = $3) and metadata @> $4
        order by id limit $5
        "#,
        account.uuid(),
        filter.after.map(JobId::uuid),
        filter.status as _,
        filter.metadata,
        limit,
    )
    .fetch_all(pool)
    .await
}

/// How many jobs wait and how many are worked on, for the metrics.
pub async fn backlog(pool: &PgPool) -> Result<[(JobStatus, i64); 2], sqlx::Error> {
    // Two counts, each over its partial index.
    let row = sqlx::query!(
        r#"
        select (select count(*) from jobs where status = 'queued') as "queued!",
            (select count(*) from jobs where status = 'in_progress') as "in_progress!"
        "#
    );
    let row = row.fetch_one(pool).await?;
    Ok([(JobStatus::Queued, row.queued), (JobStatus::InProgress, row.in_progress)])
}
