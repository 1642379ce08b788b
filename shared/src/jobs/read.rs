//! Reading: one job, or a page of them. The account always comes first.

use serde_json::Value;
use sqlx::PgPool;

use super::{Job, JobStatus, job_query};
use crate::id::{AccountId, JobId};

/// The job of this id, if the account has it.
pub async fn find(pool: &PgPool, account: AccountId, id: JobId) -> Result<Option<Job>, sqlx::Error> {
    job_query!("select", "from jobs where account_id = $1 and id = $2", account.uuid(), id.uuid())
        .fetch_optional(pool)
        .await
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
