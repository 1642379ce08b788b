//! What an operator does from the command line: accounts and keys.

use anyhow::Context as _;
use clipmill_shared::accounts::{self, keys};
use clipmill_shared::db::PgPool;

use crate::config::{AccountCommand, KeyCommand};

/// Carries out an `account` command.
pub async fn account(pool: &PgPool, command: AccountCommand) -> anyhow::Result<()> {
    let AccountCommand::Create { name, keep_history } = command;
    let account = accounts::create(pool, &name, keep_history).await.context("cannot make the account")?;
    let (_, key) = keys::create(pool, account.id, "first key").await.context("cannot make its key")?;
    println!("account         {}", account.id);
    println!("api key         {}", key.reveal());
    println!("webhook secret  {}", account.webhook_secret.reveal());
    eprintln!("Keep the key now: it is stored as a hash and cannot be shown again.");
    Ok(())
}

/// Carries out a `key` command.
pub async fn key(pool: &PgPool, command: KeyCommand) -> anyhow::Result<()> {
    match command {
        KeyCommand::Create { account, name } => {
            let (id, key) = keys::create(pool, account.parse()?, &name).await.context("cannot make the key")?;
            println!("key      {id}");
            println!("api key  {}", key.reveal());
            eprintln!("Keep the key now: it is stored as a hash and cannot be shown again.");
        }
        KeyCommand::List { account } => {
            for key in keys::list(pool, account.parse()?).await.context("cannot read the keys")? {
                let state = key.revoked_at.map_or("live".to_owned(), |at| format!("revoked {}", at.format("%F %T")));
                println!("{}  {}…  made {}  {state}  {}", key.id, key.lookup, key.created_at.format("%F %T"), key.name);
            }
        }
        KeyCommand::Revoke { account, key } => {
            keys::revoke(pool, account.parse()?, key.parse()?).await.context("cannot revoke the key")?;
            println!("revoked  {key}");
        }
    }
    Ok(())
}
