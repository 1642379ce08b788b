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

/// A page of jobs in the order of their creation, and whether there are more.
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
            and ($2::uuid is null or (created_at, id) < (select created_at, id from jobs where account_id = $1 and id = $2))
            and ($3::job_status is null or status = $3) and metadata @> $4
        order by created_at desc, id desc limit $5
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
            and ($2::uuid is null or (created_at, id) > (select created_at, id from jobs where account_id = $1 and id = $2))
            and ($3::job_status is null or status = $3) and metadata @> $4
        order by created_at, id limit $5
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

/// How many jobs are in each state that is not an end, for the metrics.
pub async fn backlog(pool: &PgPool) -> Result<Vec<(JobStatus, i64)>, sqlx::Error> {
    let rows = sqlx::query!(
        r#"
        select status as "status: JobStatus", count(*) as "count!" from jobs
        where status = 'queued' or status = 'in_progress' group by status
        "#
    );
    Ok(rows.fetch_all(pool).await?.into_iter().map(|row| (row.status, row.count)).collect())
}
