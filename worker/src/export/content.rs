//! What is in an archive: a JSON file for every table, all media, and a page to read.

use anyhow::Context as _;
use clipmill_shared::accounts::export::Export;
use clipmill_shared::accounts::privacy::{Snapshot, TABLES};
use clipmill_shared::storage::{StorageError, key};
use futures::TryStreamExt as _;

use super::archive::{Archive, Packing};
use super::page;
use crate::env::Env;

/// Writes everything into the archive: rows as of one moment, then the media that are there.
pub(super) async fn write(env: &Env, export: &Export, archive: Archive) -> anyhow::Result<()> {
    let mut snapshot = Snapshot::begin(&env.pool, export.account_id).await.context("cannot read the ledger")?;
    let mut counts = Vec::new();
    for table in TABLES {
        counts.push((
            *table,
            rows(&mut snapshot, table, &archive).await.with_context(|| format!("cannot read {table}"))?,
        ));
    }
    write_page(&mut snapshot, &counts, &archive).await.context("cannot write the page")?;
    drop(snapshot);
    media(env, export, &archive).await.context("cannot read the media")?;
    Ok(archive.finish().await?)
}

/// The rows of a table as a JSON array, a row a line. Says how many there are.
async fn rows(snapshot: &mut Snapshot, table: &'static str, archive: &Archive) -> anyhow::Result<u64> {
    archive.begin(format!("data/{table}.json"), Packing::Deflated).await?;
    let (mut rows, mut count) = (snapshot.rows(table), 0);
    while let Some(row) = rows.try_next().await? {
        archive.put(format!("{}{row}", if count == 0 { "[\n" } else { ",\n" })).await?;
        count += 1;
    }
    archive.put(if count == 0 { "[]\n" } else { "\n]\n" }).await?;
    Ok(count)
}

async fn write_page(snapshot: &mut Snapshot, counts: &[(&str, u64)], archive: &Archive) -> anyhow::Result<()> {
    archive.begin("index.html".to_owned(), Packing::Deflated).await?;
    let account = snapshot.rows("accounts").try_next().await?.unwrap_or_default();
    archive.put(page::head(&account, counts)).await?;
    let mut jobs = snapshot.rows("jobs");
    while let Some(job) = jobs.try_next().await? {
        archive.put(page::video(&job)).await?;
    }
    Ok(archive.put(page::FOOT).await?)
}

/// Every object of the account but its archives. One that goes meanwhile is left out.
async fn media(env: &Env, export: &Export, archive: &Archive) -> anyhow::Result<()> {
    let (prefix, exports) = (key::account_prefix(export.account_id), key::exports_prefix(export.account_id));
    let mut after = None;
    loop {
        let keys = env.storage.list_after(&prefix, after.as_deref()).await?;
        let Some(last) = keys.last().cloned() else { return Ok(()) };
        for key in keys.iter().filter(|key| !key.starts_with(&exports)) {
            let mut object = match env.storage.get(key, None).await {
                Err(StorageError::NotFound) => continue,
                object => object?,
            };
            let name = key.strip_prefix(&prefix).unwrap_or(key);
            archive.begin(format!("media/{name}"), Packing::Stored).await?;
            while let Some(piece) = object.body.try_next().await? {
                archive.put(piece).await?;
            }
        }
        after = Some(last);
    }
}
