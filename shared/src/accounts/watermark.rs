//! The visible mark that an account has of its own, and whether each of its videos has to carry one.

use bytes::Bytes;
use sqlx::types::Json;
use sqlx::{PgConnection, PgPool};

use super::AccountError;
use crate::id::AccountId;
use crate::jobs::watermark::{Mark, Watermark};

/// The account's own mark, if it has one.
pub async fn find(pool: &PgPool, account: AccountId) -> Result<Option<Mark>, sqlx::Error> {
    let row = sqlx::query!(
        r#"select watermark as "watermark: Json<Watermark>", watermark_image from accounts where id = $1 and deleted_at is null"#,
        account.uuid(),
    );
    let row = row.fetch_optional(pool).await?;
    Ok(row.and_then(|row| Some(Mark { watermark: row.watermark?.0, image: row.watermark_image.map(Bytes::from) })))
}

/// Gives the account this mark, or takes its own away.
pub async fn set(tx: &mut PgConnection, account: AccountId, mark: Option<&Mark>) -> Result<(), AccountError> {
    let set = sqlx::query!(
        "update accounts set watermark = $2, watermark_image = $3 where id = $1 and deleted_at is null",
        account.uuid(),
        mark.map(|mark| Json(&mark.watermark)) as _,
        mark.and_then(|mark| mark.image.as_deref()),
    );
    match set.execute(tx).await?.rows_affected() {
        0 => Err(AccountError::NotFound),
        _ => Ok(()),
    }
}

/// Says whether each of the account's videos has to carry a mark, from the next submit on.
pub async fn require(tx: &mut PgConnection, account: AccountId, required: bool) -> Result<(), AccountError> {
    let set = sqlx::query!(
        "update accounts set watermark_required = $2 where id = $1 and deleted_at is null",
        account.uuid(),
        required,
    );
    match set.execute(tx).await?.rows_affected() {
        0 => Err(AccountError::NotFound),
        _ => Ok(()),
    }
}
