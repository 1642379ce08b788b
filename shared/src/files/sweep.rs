//! What time does to files: those whose time is over go, ready or still waiting for their content, unless a legal hold keeps them.

use sqlx::PgPool;

use super::delete::{Gone, let_go};
use crate::db;
use crate::id::{AccountId, FileId};

/// Deletes the rows of up to `limit` files that are due; their objects follow. Says how many there were.
pub async fn expire(pool: &PgPool, limit: i64) -> Result<usize, sqlx::Error> {
    let mut tx = db::begin(pool).await?;
    let due = sqlx::query_as!(
        Gone,
        r#"
        delete from files
        where id in (
            select id from files
            where due_at <= now() and not exists (select from accounts where accounts.id = account_id and hold_until > now())
            order by due_at limit $1 for update skip locked
        )
        returning id as "id: FileId", account_id as "account_id: AccountId",
            extract(epoch from writable_until - now())::float8 as "writable_seconds!"
        "#,
        limit,
    );
    let gone = due.fetch_all(&mut *tx).await?;
    for file in &gone {
        let_go(&mut tx, file).await?;
    }
    tx.commit().await?;
    Ok(gone.len())
}
