//! What an operator does from the command line: accounts and keys. What touches an account is in its audit log.

use anyhow::Context as _;
use clipmill_shared::accounts::audit::{self, Action};
use clipmill_shared::accounts::keys::KeyWish;
use clipmill_shared::accounts::limits::{self, Limits};
use clipmill_shared::accounts::profile::Change;
use clipmill_shared::accounts::scope::Scopes;
use clipmill_shared::accounts::{self, credits, keys, operators, profile};
use clipmill_shared::db::{self, PgPool};
use clipmill_shared::id::AccountId;
use clipmill_shared::vault::{Vault, VaultConfig};

use crate::config::{AccountCommand, KeyCommand, OperatorKeyCommand, Weight};

/// Who does what is done from the command line, in the audit log.
const ACTOR: &str = "command line";

/// Carries out an `account` command.
pub async fn account(pool: &PgPool, secrets: &VaultConfig, command: AccountCommand) -> anyhow::Result<()> {
    match command {
        AccountCommand::Create { name, email, metered, keep_history } => {
            let vault = secrets.vault().map_err(anyhow::Error::msg)?;
            create(pool, &vault, &name, email, metered, keep_history).await
        }
        AccountCommand::Limits { account, max_running, max_queued, weight } => {
            let account = account.parse()?;
            record(pool, account, Action::AccountChanged, "limits").await?;
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

async fn create(
    pool: &PgPool,
    vault: &Vault,
    name: &str,
    email: Option<String>,
    metered: bool,
    keep_history: bool,
) -> anyhow::Result<()> {
    let change = Change { email: email.map(Some), ..Change::default() };
    change.check()?;
    let mut tx = db::begin(pool).await?;
    let account = accounts::create_in(&mut tx, vault, name, keep_history).await.context("cannot make the account")?;
    profile::update(&mut tx, account.id, &change).await.context("cannot set its e-mail address")?;
    credits::set_metered(&mut tx, account.id, metered).await?;
    audit::record(&mut tx, account.id, ACTOR, Action::AccountCreated, &[]).await?;
    tx.commit().await?;
    let (_, key) = keys::create(pool, account.id, &KeyWish::named("first key")).await.context("cannot make its key")?;
    println!("account         {}", account.id);
    println!("api key         {}", key.reveal());
    println!("webhook secret  {}", account.webhook_secret.reveal());
    eprintln!("Keep the key now: it is stored as a hash and cannot be shown again.");
    Ok(())
}

/// Notes in the account's audit log what is about to be done.
async fn record(pool: &PgPool, account: AccountId, action: Action, detail: &str) -> anyhow::Result<()> {
    let mut tx = db::begin(pool).await?;
    audit::record(&mut tx, account, ACTOR, action, &[detail.to_owned()]).await?;
    Ok(tx.commit().await?)
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
        KeyCommand::Create { account, name, scope } => {
            let account = account.parse()?;
            let scopes = if scope.is_empty() { Scopes::all() } else { scope.into_iter().collect() };
            let wish = KeyWish { scopes, ..KeyWish::named(&name) };
            let (record, key) = keys::create(pool, account, &wish).await.context("cannot make the key")?;
            self::record(pool, account, Action::KeyCreated, &record.id.to_string()).await?;
            println!("key      {}", record.id);
            println!("api key  {}", key.reveal());
            eprintln!("Keep the key now: it is stored as a hash and cannot be shown again.");
        }
        KeyCommand::List { account } => {
            let account = account.parse()?;
            record(pool, account, Action::KeysRead, "all").await?;
            for key in keys::list(pool, account).await.context("cannot read the keys")? {
                let state = key.revoked_at.map_or("live".to_owned(), |at| format!("revoked {}", at.format("%F %T")));
                let (made, scopes) = (key.created_at.format("%F %T"), key.scopes.names().join(","));
                println!("{}  {}…  made {made}  {state}  {scopes}  {}", key.id, key.lookup, key.name);
            }
        }
        KeyCommand::Revoke { account, key } => {
            let account = account.parse()?;
            keys::revoke(pool, account, key.parse()?).await.context("cannot revoke the key")?;
            record(pool, account, Action::KeyRevoked, &key).await?;
            println!("revoked  {key}");
        }
    }
    Ok(())
}

/// Carries out an `operator-key` command.
pub async fn operator_key(pool: &PgPool, command: OperatorKeyCommand) -> anyhow::Result<()> {
    match command {
        OperatorKeyCommand::Create { name, days } => {
            let (id, key) = operators::create(pool, &name, days).await.context("cannot make the key")?;
            println!("key           {id}");
            println!("operator key  {}", key.reveal());
            eprintln!("Keep the key now: it is stored as a hash and cannot be shown again.");
        }
        OperatorKeyCommand::List => {
            for key in operators::list(pool).await.context("cannot read the keys")? {
                let state = key.revoked_at.map_or("live".to_owned(), |at| format!("revoked {}", at.format("%F %T")));
                let end = key.expires_at.map_or("no end".to_owned(), |at| format!("ends {}", at.format("%F %T")));
                let used = key.last_used_at.map_or("unused".to_owned(), |at| format!("used {}", at.format("%F %T")));
                println!("{}  {}…  {state}  {end}  {used}  {}", key.id, key.lookup, key.name);
            }
        }
        OperatorKeyCommand::Revoke { key } => {
            operators::revoke(pool, key.parse()?).await.context("cannot revoke the key")?;
            println!("revoked  {key}");
        }
    }
    Ok(())
}
