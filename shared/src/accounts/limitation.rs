//! Limitation of processing: the data stays, nothing is done with it. Submits are refused, jobs that run are given back, and jobs
//! that wait stand at the end of time until the limitation ends.

use sqlx::PgConnection;

use super::AccountError;
use crate::bell;
use crate::id::AccountId;
use crate::jobs::{job_query, removal};

/// Who limits processing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum By {
    /// The account itself, which may end that too.
    Account,
    /// An operator, who alone may end it.
    Operator,
}

/// Stops all processing of an account. Doing so again changes nothing.
pub async fn begin(tx: &mut PgConnection, account: AccountId, by: By) -> Result<(), AccountError> {
    // Submits under way are waited for; those that come later see what is written here.
    let open = sqlx::query!("select id from accounts where id = $1 and deleted_at is null for update", account.uuid());
    open.fetch_optional(&mut *tx).await?.ok_or(AccountError::NotFound)?;
    sqlx::query!(
        r#"
        update accounts
        set processing_limited_at = coalesce(processing_limited_at, now()), limited_by_operator = limited_by_operator or $2
        where id = $1
        "#,
        account.uuid(),
        by == By::Operator,
    )
    .execute(&mut *tx)
    .await?;
    Ok(park(tx, account).await?)
}

/// Lets nothing that waits be taken up, and gives back what runs, uncounted. In this order: what is claimed meanwhile is waited for,
/// and runs when it is looked for.
async fn park(tx: &mut PgConnection, account: AccountId) -> Result<(), sqlx::Error> {
    sqlx::query!(
        r#"
        update jobs set virtual_start = 'infinity'
        where account_id = $1 and status = 'queued' and virtual_start < 'infinity' and run_at <= created_at + interval '30 days'
        "#,
        account.uuid(),
    )
    .execute(&mut *tx)
    .await?;
    let released = job_query!(
        r#"
        update jobs
        set status = 'queued', lease_until = null, worker = null, progress = 0, released = released + 1, run_at = least(run_at, now()),
            virtual_start = 'infinity'
        where account_id = $1 and status = 'in_progress'
        returning"#,
        "",
        account.uuid(),
    );
    for job in released.fetch_all(&mut *tx).await? {
        removal::superseded(tx, &job, true).await?;
        bell::ring(tx, bell::HALT, &job.id.uuid().to_string()).await?;
    }
    Ok(())
}

/// Lets processing go on. What waits gets its place in the queue with the next sweep.
///
/// # Errors
/// `LimitedByOperator` when the limitation is not the account's own to end.
pub async fn end(tx: &mut PgConnection, account: AccountId, by: By) -> Result<(), AccountError> {
    let ended = sqlx::query!(
        r#"
        update accounts set processing_limited_at = null, limited_by_operator = false
        where id = $1 and deleted_at is null and ($2 or not limited_by_operator)
        "#,
        account.uuid(),
        by == By::Operator,
    );
    match (ended.execute(&mut *tx).await?.rows_affected(), by) {
        (0, By::Account) => Err(AccountError::LimitedByOperator),
        (0, By::Operator) => Err(AccountError::NotFound),
        _ => Ok(()),
    }
}
