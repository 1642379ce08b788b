//! Rescue: jobs whose lease lapsed, because their worker died or lost its way to the database.

use sqlx::PgPool;

use super::lease::{LeaseError, Settlement, settle_in};
use super::{Failure, Job, job_query, retry};

/// Takes up to `limit` lapsed leases and puts their jobs back into the queue with a pause, or fails those whose
/// attempts are spent. Says how many there were.
pub async fn rescue(pool: &PgPool, limit: i64) -> Result<usize, sqlx::Error> {
    let mut tx = pool.begin().await?;
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
