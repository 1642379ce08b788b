//! Deleting: the row goes at once, and with it timers are set by which every object goes, whoever dies meanwhile.

use sqlx::{PgConnection, PgPool};
use tracing::warn;

use super::{File, FileState};
use crate::db;
use crate::id::{AccountId, FileId};
use crate::jobs::removal;
use crate::storage::{Storage, key};

/// A file whose row is gone.
pub(super) struct Gone {
    pub(super) id: FileId,
    pub(super) account_id: AccountId,
    /// For how long something may still be stored for it.
    pub(super) writable_seconds: f64,
}

/// Deletes a file with its objects. Jobs that use it have their own copies. Says whether the account had it.
pub async fn delete(pool: &PgPool, storage: &Storage, account: AccountId, id: FileId) -> Result<bool, sqlx::Error> {
    delete_if(pool, storage, account, id, None).await
}

/// Deletes a file whose content cannot be accepted, unless other content was accepted meanwhile.
pub async fn refuse(pool: &PgPool, storage: &Storage, file: &File) -> Result<(), sqlx::Error> {
    delete_if(pool, storage, file.account_id, file.id, Some(FileState::Pending)).await.map(drop)
}

async fn delete_if(
    pool: &PgPool,
    storage: &Storage,
    account: AccountId,
    id: FileId,
    state: Option<FileState>,
) -> Result<bool, sqlx::Error> {
    if !delete_row(pool, account, id, state).await? {
        return Ok(false);
    }
    // The timer would do it too; this way the objects are gone when the customer reads the answer.
    if let Err(error) = storage.remove_prefix(&key::file_prefix(account, id)).await {
        warn!(file.id = %id, %error, "Could not remove the objects of a deleted file, its timer will");
    }
    Ok(true)
}

async fn delete_row(
    pool: &PgPool,
    account: AccountId,
    id: FileId,
    state: Option<FileState>,
) -> Result<bool, sqlx::Error> {
    let mut tx = db::begin(pool).await?;
    let deleted = sqlx::query_as!(
        Gone,
        r#"
        delete from files where account_id = $1 and id = $2 and ($3::file_state is null or state = $3)
        returning id as "id: FileId", account_id as "account_id: AccountId",
            extract(epoch from writable_until - now())::float8 as "writable_seconds!"
        "#,
        account.uuid(),
        id.uuid(),
        state as _,
    );
    let Some(gone) = deleted.fetch_optional(&mut *tx).await? else { return Ok(false) };
    let_go(&mut tx, &gone).await?;
    tx.commit().await?;
    Ok(true)
}

/// Everything of a file goes, and once more when nobody can be storing anything for it.
pub(super) async fn let_go(tx: &mut PgConnection, gone: &Gone) -> Result<(), sqlx::Error> {
    removal::file(tx, gone.account_id, gone.id, gone.writable_seconds).await
}
