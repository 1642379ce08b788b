//! Deleting: the row goes at once, and with it a timer is set by which every object goes, whoever dies meanwhile.

use sqlx::PgPool;
use tracing::warn;

use super::{job_query, removal};
use crate::bell;
use crate::db;
use crate::id::{AccountId, JobId};
use crate::storage::{Storage, key};

/// Deletes a job in whatever state, with its objects. Says whether the account had it.
pub async fn delete(pool: &PgPool, storage: &Storage, account: AccountId, id: JobId) -> Result<bool, sqlx::Error> {
    if !delete_row(pool, account, id).await? {
        return Ok(false);
    }
    // The timer would do it too; this way the objects are gone when the customer reads the answer.
    if let Err(error) = storage.remove_prefix(&key::job_prefix(account, id)).await {
        warn!(job.id = %id, %error, "Could not remove the objects of a deleted video, its timer will");
    }
    Ok(true)
}

async fn delete_row(pool: &PgPool, account: AccountId, id: JobId) -> Result<bool, sqlx::Error> {
    let mut tx = db::begin(pool).await?;
    let deleted =
        job_query!("delete from jobs where account_id = $1 and id = $2 returning", "", account.uuid(), id.uuid());
    let Some(job) = deleted.fetch_optional(&mut *tx).await? else { return Ok(false) };
    removal::deleted(&mut tx, &job).await?;
    bell::ring(&mut tx, bell::HALT, &id.uuid().to_string()).await?;
    tx.commit().await?;
    Ok(true)
}
