//! Reading: one file, or a page of them. The account always comes first. What is due to go is gone already.

use sqlx::PgPool;

use super::{File, Purpose, file_query, wish};
use crate::id::{AccountId, FileId};
use crate::jobs::spec::Invalid;

/// The file of this id, if the account has it.
pub async fn find(pool: &PgPool, account: AccountId, id: FileId) -> Result<Option<File>, sqlx::Error> {
    file_query!("select", "from files where account_id = $1 and id = $2 and due_at > now()", account.uuid(), id.uuid(),)
        .fetch_optional(pool)
        .await
}

/// Which files to list.
#[derive(Debug)]
pub struct Filter {
    /// Newest first.
    pub descending: bool,
    /// Only what comes after this file; from the start if none.
    pub after: Option<FileId>,
    /// Only those for this purpose.
    pub purpose: Option<Purpose>,
}

impl Filter {
    /// Only files of the purpose that has this name.
    pub fn for_purpose(&mut self, name: &str) -> Result<(), Invalid> {
        self.purpose = Some(wish::purpose(name)?);
        Ok(())
    }
}

/// A page of files in the order of their ids, which is that of their creation, and whether there are more.
pub async fn list(
    pool: &PgPool,
    account: AccountId,
    filter: &Filter,
    limit: u32,
) -> Result<(Vec<File>, bool), sqlx::Error> {
    let fetch = i64::from(limit) + 1;
    let mut files = match filter.descending {
        true => newest_first(pool, account, filter, fetch).await?,
        false => oldest_first(pool, account, filter, fetch).await?,
    };
    let more = files.len() > limit as usize;
    files.truncate(limit as usize);
    Ok((files, more))
}

async fn newest_first(
    pool: &PgPool,
    account: AccountId,
    filter: &Filter,
    limit: i64,
) -> Result<Vec<File>, sqlx::Error> {
    file_query!(
        "select",
        r#"
        from files
        where account_id = $1 and due_at > now()
            and ($2::uuid is null or id < $2) and ($3::file_purpose is null or purpose = $3)
        order by id desc limit $4
        "#,
        account.uuid(),
        filter.after.map(FileId::uuid),
        filter.purpose as _,
        limit,
    )
    .fetch_all(pool)
    .await
}

async fn oldest_first(
    pool: &PgPool,
    account: AccountId,
    filter: &Filter,
    limit: i64,
) -> Result<Vec<File>, sqlx::Error> {
    file_query!(
        "select",
        r#"
        from files
        where account_id = $1 and due_at > now()
            and ($2::uuid is null or id > $2) and ($3::file_purpose is null or purpose = $3)
        order by id limit $4
        "#,
        account.uuid(),
        filter.after.map(FileId::uuid),
        filter.purpose as _,
        limit,
    )
    .fetch_all(pool)
    .await
}
