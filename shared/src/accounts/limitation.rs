//! Limitation of processing: the data stays, nothing is done with it. Submits are refused, jobs that run are given back, and jobs
//! that wait stand at the end of time until the limitation ends.

use sqlx::PgConnection;

use super::AccountError;
use crate::bell;
use crate::id::AccountId;
use crate::jobs::{job_query, removal};

/// Stops all processing of an account. Doing so again changes nothing.
pub async fn begin(tx: &mut PgConnection, account: AccountId) -> Result<(), AccountError> {
    let limited = sqlx::query!(
        r#"
        update accounts set processing_limited_at = coalesce(processing_limited_at, now())
        where id = $1 and deleted_at is null
        "#,
        account.uuid(),
    );
    if limited.execute(&mut *tx).await?.rows_affected() == 0 {
        return Err(AccountError::NotFound);
    }
    park(tx, account).await?;
    Ok(())
}

/// Gives back what runs, uncounted, and lets nothing of it or of what waits be taken up.
async fn park(tx: &mut PgConnection, account: AccountId) -> Result<(), sqlx::Error> {
    let released = job_query!(
        r#"
        update jobs
        set status = 'queued', lease_until = null, worker = null, progress = 0, released = released + 1, run_at = now(),
            virtual_start = 'infinity'
        where account_id = $1 and status = 'in_progress' and now() <= created_at + interval '30 days'
        returning"#,
        "",
        account.uuid(),
    );
    for job in released.fetch_all(&mut *tx).await? {
        removal::superseded(tx, &job, true).await?;
        bell::ring(tx, bell::HALT, &job.id.uuid().to_string()).await?;
    }
    sqlx::query!(
        r#"
        update jobs set virtual_start = 'infinity'
        where account_id = $1 and status = 'queued' and virtual_start < 'infinity' and run_at <= created_at + interval '30 days'
        "#,
        account.uuid(),
    )
    .execute(tx)
    .await
    .map(drop)
}

/// Lets processing go on. What waits gets its place in the queue with the next sweep.
pub async fn end(tx: &mut PgConnection, account: AccountId) -> Result<(), AccountError> {
    let ended = sqlx::query!(
        "update accounts set processing_limited_at = null where id = $1 and deleted_at is null",
        account.uuid(),
    );
    match ended.execute(tx).await?.rows_affected() {
        0 => Err(AccountError::NotFound),
        _ => Ok(()),
    }
}
