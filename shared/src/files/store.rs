//! Storing a file's content: the object first, then the row that names it.

use bytes::Bytes;
use sqlx::PgPool;
use tracing::warn;
use uuid::Uuid;

use super::{File, FileError, FileState, LINK_SECONDS, STORING_SECONDS, file_query, read};
use crate::jobs::removal;
use crate::picture::{PICTURE_MAX_BYTES, Picture};
use crate::storage::{Storage, StorageError};

/// What came by the file's upload link, as it came. A timer is set by which that goes, whoever dies meanwhile and whatever the link's
/// bearer still stores there.
pub async fn fetch(pool: &PgPool, storage: &Storage, file: &File) -> Result<Bytes, FileError> {
    let key = file.upload_key();
    removal::upload(pool, file.account_id, file.id, &key, f64::from(LINK_SECONDS) + STORING_SECONDS).await?;
    let not_stored = |error| match error {
        StorageError::NotFound => FileError::NotStored,
        error => FileError::Storage(error),
    };
    let stored = storage.size_bytes(&key).await.map_err(not_stored)?;
    if stored != u64::from(file.size_bytes.unsigned_abs()) {
        return Err(FileError::NotAsAnnounced);
    }
    storage.read(&key, PICTURE_MAX_BYTES as usize).await.map_err(not_stored)
}

/// Stores what was looked at and makes the file ready. What came by a link is stored anew: its bearer can still overwrite it
/// there. Each try has an object of its own, so that of two only the one that the row names counts.
pub async fn store(pool: &PgPool, storage: &Storage, file: &File, picture: &Picture) -> Result<File, FileError> {
    if file.state == FileState::Ready {
        return Ok(file.clone());
    }
    let object = format!("{}.{}", Uuid::now_v7().simple(), picture.kind.extension());
    let key = file.key_of(&object);
    if !hold(pool, file).await? {
        return settled(pool, file).await;
    }
    storage.put(&key, picture.kind.content_type(), picture.bytes.clone()).await?;
    let ready = settle(pool, file, picture, &object).await?;
    let leftover = if ready.is_some() { file.upload_key() } else { key };
    // What stays behind goes with the file.
    if let Err(error) = storage.remove_prefix(&leftover).await {
        warn!(file.id = %file.id, %error, "Could not remove what is left of an upload, it goes with its file");
    }
    match ready {
        Some(file) => Ok(file),
        None => settled(pool, file).await,
    }
}

/// The file is not pending any more: another request made it ready, or it is gone.
async fn settled(pool: &PgPool, file: &File) -> Result<File, FileError> {
    let found = read::find(pool, file.account_id, file.id).await?;
    found.filter(|file| file.state == FileState::Ready).ok_or(FileError::NotFound)
}

/// Keeps a pending file until what is about to be stored is there. Says whether it was pending still.
async fn hold(pool: &PgPool, file: &File) -> Result<bool, sqlx::Error> {
    let held = sqlx::query!(
        r#"
        update files set writable_until = greatest(writable_until, now() + make_interval(secs => $3))
        where account_id = $1 and id = $2 and state = 'pending'
        "#,
        file.account_id.uuid(),
        file.id.uuid(),
        STORING_SECONDS,
    );
    Ok(held.execute(pool).await?.rows_affected() == 1)
}

async fn settle(pool: &PgPool, file: &File, picture: &Picture, object: &str) -> Result<Option<File>, sqlx::Error> {
    file_query!(
        r#"
        update files
        set state = 'ready', object = $3, content_type = $4, size_bytes = $5, width = $6, height = $7
        where account_id = $1 and id = $2 and state = 'pending'
        returning"#,
        "",
        file.account_id.uuid(),
        file.id.uuid(),
        object,
        picture.kind.content_type(),
        i32::try_from(picture.bytes.len()).unwrap_or(i32::MAX),
        i32::try_from(picture.size.width).unwrap_or(i32::MAX),
        i32::try_from(picture.size.height).unwrap_or(i32::MAX),
    )
    .fetch_optional(pool)
    .await
}
