//! What an operator does from the command line: accounts and keys.

use anyhow::Context as _;
use clipmill_shared::accounts::limits::{self, Limits};
use clipmill_shared::accounts::{self, keys};
use clipmill_shared::db::PgPool;
use clipmill_shared::id::AccountId;
use clipmill_shared::vault::{Vault, VaultConfig};

use crate::config::{AccountCommand, KeyCommand, Weight};

/// Carries out an `account` command.
pub async fn account(pool: &PgPool, secrets: &VaultConfig, command: AccountCommand) -> anyhow::Result<()> {
    match command {
        AccountCommand::Create { name, keep_history } => {
            let vault = secrets.vault().map_err(anyhow::Error::msg)?;
            create(pool, &vault, &name, keep_history).await
        }
        AccountCommand::Limits { account, max_running, max_queued, weight } => {
            let account = account.parse()?;
            let known = limits::get(pool, account).await.context("cannot read the limits")?;
            let asked = Limits {
                max_running: max_running.map_or(known.max_running, |limit| limit.0),
                max_queued: max_queued.map_or(known.max_queued, |limit| limit.0),
            };
            limits::set(pool, account, asked).await.context("cannot set the limits")?;
            for Weight(tier, weight) in weight {
                limits::weigh(pool, account, tier, weight).await.context("cannot set a weight")?;
            }
            show_limits(pool, account).await
        }
    }
}

async fn create(pool: &PgPool, vault: &Vault, name: &str, keep_history: bool) -> anyhow::Result<()> {
    let account = accounts::create(pool, vault, name, keep_history).await.context("cannot make the account")?;
    let (_, key) = keys::create(pool, account.id, "first key").await.context("cannot make its key")?;
    println!("account         {}", account.id);
    println!("api key         {}", key.reveal());
    println!("webhook secret  {}", account.webhook_secret.reveal());
    eprintln!("Keep the key now: it is stored as a hash and cannot be shown again.");
    Ok(())
}

async fn show_limits(pool: &PgPool, account: AccountId) -> anyhow::Result<()> {
    let limits = limits::get(pool, account).await.context("cannot read the limits")?;
    let shown = |limit: Option<i32>| limit.map_or("none".to_owned(), |limit| limit.to_string());
    println!("max running   {}", shown(limits.max_running));
    println!("max queued    {}", shown(limits.max_queued));
    for (tier, weight) in limits::weights(pool, account).await.context("cannot read the weights")? {
        println!("weight {:<6} {weight}", tier.as_str());
    }
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
