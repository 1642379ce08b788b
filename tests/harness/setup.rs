//! What a test's service is like: what it renders with, and its settings.

use clap::Parser as _;
use clipmill_api::Transport;
use clipmill_api::config::ClientConfig;
use clipmill_shared::moderation::ModerationConfig;
use clipmill_shared::storage::StorageConfig;
use clipmill_shared::vault::{MasterKey, VaultConfig};
use clipmill_shared::webhooks::asymmetric::SigningConfig;
use clipmill_worker::env::Engines;
use clipmill_worker::postprocess::provenance::ProvenanceConfig;
use clipmill_worker::preview_engines;

/// What a test's service is like.
pub struct Setup {
    /// What renders.
    pub engines: Engines,
    /// What clients may do.
    pub clients: ClientConfig,
    /// What may neither be drawn nor handed out.
    pub moderation: ModerationConfig,
    /// How media are marked as generated.
    pub provenance: ProvenanceConfig,
    /// How webhooks are signed beside the secrets of their receivers.
    pub signing: SigningConfig,
    /// How connections come in.
    pub transport: Transport,
    /// What secrets in the database are sealed with.
    pub secrets: VaultConfig,
    /// Where objects are kept, if not in the store that all tests share.
    pub store: Option<StorageConfig>,
}

#[derive(clap::Parser)]
struct Defaults {
    #[command(flatten)]
    clients: ClientConfig,
    #[command(flatten)]
    moderation: ModerationConfig,
}

impl Default for Setup {
    fn default() -> Self {
        let Defaults { clients, moderation } = Defaults::parse_from(["clipmill"]);
        Self {
            engines: preview_engines(),
            clients,
            moderation,
            provenance: ProvenanceConfig::default(),
            signing: SigningConfig::default(),
            transport: Transport::default(),
            secrets: sealed_with([MasterKey::generate()]),
            store: None,
        }
    }
}

/// Settings with these master keys.
pub fn sealed_with<const N: usize>(keys: [MasterKey; N]) -> VaultConfig {
    let keys = keys.map(|key| key.reveal()).join(",");
    VaultConfig { master_key_file: None, master_keys: Some(keys.into()) }
}
