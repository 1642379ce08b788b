//! Beginning a file: a row that waits for its content, and by which whatever is stored for it goes should nobody come back.

use sqlx::{PgConnection, PgPool};

use super::{FILES_MAX, File, FileError, FileSpec, LINK_SECONDS, STORING_SECONDS, file_query};
use crate::db;
use crate::id::{AccountId, FileId};
use crate::storage::{Storage, UploadLink};

/// Begins a file whose content the caller has in hand.
pub async fn begin(pool: &PgPool, account: AccountId, spec: &FileSpec) -> Result<File, FileError> {
    create(pool, account, spec, STORING_SECONDS).await
}

/// Begins a file whose content the customer stores by a link.
pub async fn begin_by_link(
    pool: &PgPool,
    storage: &Storage,
    account: AccountId,
    spec: &FileSpec,
) -> Result<(File, UploadLink), FileError> {
    let file = create(pool, account, spec, f64::from(LINK_SECONDS) + STORING_SECONDS).await?;
    let link = storage.upload_link(&file.upload_key(), &file.content_type, spec.size_bytes(), LINK_SECONDS).await?;
    Ok((file, link))
}

/// One row more, unless the account has as many as it may. Rows of an account are made one at a time, so that none of them is
/// missed in the count.
async fn create(pool: &PgPool, account: AccountId, spec: &FileSpec, writable: f64) -> Result<File, FileError> {
    let mut tx = db::begin(pool).await?;
    wait_for_turn(&mut tx, account).await?;
    let file = insert(&mut tx, account, spec, writable).await?.ok_or(FileError::TooMany)?;
    tx.commit().await?;
    Ok(file)
}

async fn wait_for_turn(tx: &mut PgConnection, account: AccountId) -> Result<(), sqlx::Error> {
    let turn = sqlx::query!("select pg_advisory_xact_lock(hashtextextended('files:' || $1::uuid, 0))", account.uuid());
    turn.execute(tx).await.map(drop)
}

async fn insert(
    tx: &mut PgConnection,
    account: AccountId,
    spec: &FileSpec,
    writable: f64,
) -> Result<Option<File>, sqlx::Error> {
    file_query!(
        r#"
        insert into files (id, account_id, purpose, file_name, content_type, size_bytes, expires_at, writable_until)
        select $1, $2, $3, $4, $5, $6, now() + make_interval(secs => $7), now() + make_interval(secs => $8)
        where (select count(*) from files where account_id = $2) < $9
        returning"#,
        "",
        FileId::new().uuid(),
        account.uuid(),
        spec.purpose as _,
        spec.file_name,
        spec.kind.content_type(),
        spec.size_bytes,
        spec.lifetime_seconds,
        writable,
        FILES_MAX,
    )
    .fetch_optional(tx)
    .await
}
