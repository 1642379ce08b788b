//! What an operator does with the secrets in the database, and the master keys that seal them.

use anyhow::{Context as _, ensure};
use clipmill_shared::db::PgPool;
use clipmill_shared::vault::{MasterKey, MasterKeyId, Vault, VaultConfig, rotation};

use crate::config::SecretsCommand;

/// Carries out a `secrets` command.
pub async fn look_after(pool: &PgPool, secrets: &VaultConfig, command: SecretsCommand) -> anyhow::Result<()> {
    let vault = secrets.vault().map_err(anyhow::Error::msg)?;
    match command {
        SecretsCommand::Generate => {
            generate();
            Ok(())
        }
        SecretsCommand::Rotate => rotate(pool, &vault).await,
        SecretsCommand::Check => check(pool, &vault).await,
    }
}

/// Prints a new master key.
pub fn generate() {
    println!("{}", MasterKey::generate().reveal());
}

async fn rotate(pool: &PgPool, vault: &Vault) -> anyhow::Result<()> {
    let first = vault.keys().next();
    let first = first.context("there is no master key: look at --master-key-file / CLIPMILL_MASTER_KEY_FILE")?;
    let rotated = rotation::rotate(pool, vault).await.context("cannot rotate the secrets")?;
    println!("master key  {first}");
    println!("sealed      {}", rotated.sealed);
    println!("re-wrapped  {}", rotated.rewrapped);
    println!("failed      {}", rotated.failed);
    ensure!(rotated.failed == 0, "{} secrets do not open: the log says why", rotated.failed);
    Ok(())
}

async fn check(pool: &PgPool, vault: &Vault) -> anyhow::Result<()> {
    let mut counts = rotation::census(pool).await.context("cannot count the secrets")?;
    let plain = counts.remove(&None).unwrap_or_default();
    let known: Vec<MasterKeyId> = vault.keys().collect();
    for (place, key) in known.iter().enumerate() {
        let count = counts.remove(&Some(*key)).unwrap_or_default();
        println!("{key}  {count}  {}", state(place, count));
    }
    println!("not sealed        {plain}");
    for (key, count) in counts.iter().filter_map(|(key, count)| Some((key.as_ref()?, count))) {
        println!("{key}  {count}  missing: these secrets do not open");
    }
    ensure!(counts.is_empty(), "{} secrets are under master keys that are missing", counts.values().sum::<i64>());
    Ok(())
}

/// What a master key that is here is for.
fn state(place: usize, count: i64) -> &'static str {
    match (place, count) {
        (0, _) => "seals new secrets",
        (_, 0) => "may be dropped",
        _ => "still needed: run `clipmill-api secrets rotate`",
    }
}
