//! Settings of the API. `clipmill-api --help` is their reference.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::str::FromStr;

use axum::http::HeaderValue;
use clipmill_shared::accounts::credits::Prices;
use clipmill_shared::accounts::scope::Scope;
use clipmill_shared::db::DbConfig;
use clipmill_shared::moderation::ModerationConfig;
use clipmill_shared::outbound::OutboundConfig;
use clipmill_shared::storage::StorageConfig;
use clipmill_shared::telemetry::TelemetryConfig;
use clipmill_shared::tier::Tier;
use clipmill_shared::vault::VaultConfig;
use clipmill_shared::webhooks::asymmetric::SigningConfig;

use crate::minimax::MinimaxConfig;
use crate::prompt::PromptConfig;
use crate::rate::RateConfig;
use crate::transport::TransportConfig;
use crate::watermark::WatermarkConfig;

/// Clipmill's HTTP API
#[derive(Debug, clap::Parser)]
#[command(name = "clipmill-api", version, about, long_about = None, subcommand_negates_reqs = true)]
pub struct Cli {
    /// How to reach Postgres; all commands but one need it
    #[command(flatten)]
    pub db: Option<DbConfig>,
    /// What secrets in the database are sealed with
    #[command(flatten)]
    pub secrets: VaultConfig,
    /// How to log
    #[command(flatten)]
    pub telemetry: TelemetryConfig,
    /// What to do
    #[command(subcommand)]
    pub command: Command,
}

/// What the binary can do.
#[derive(Debug, clap::Subcommand)]
pub enum Command {
    /// Answer requests until told to stop
    Serve(Box<ServeConfig>),
    /// Bring the database schema up to date
    Migrate,
    /// Look after accounts
    #[command(subcommand)]
    Account(AccountCommand),
    /// Look after API keys
    #[command(subcommand)]
    Key(KeyCommand),
    /// Look after the keys of those who run the service, for /v1/admin
    #[command(subcommand)]
    OperatorKey(OperatorKeyCommand),
    /// Look after the secrets in the database, and the master keys that seal them
    #[command(subcommand)]
    Secrets(SecretsCommand),
}

/// What can be done with operators' keys.
#[derive(Debug, clap::Subcommand)]
pub enum OperatorKeyCommand {
    /// Make a key; it is shown only now
    Create {
        /// Whose key: the name that the audit log will show to customers
        name: String,
        /// Days until it ends by itself
        #[arg(long, value_parser = clap::value_parser!(i32).range(1..=3650))]
        days: Option<i32>,
    },
    /// Show all keys
    List,
    /// End a key at once
    Revoke {
        /// Which key (opkey_…)
        key: String,
    },
}

/// What can be done with accounts.
#[derive(Debug, clap::Subcommand)]
pub enum AccountCommand {
    /// Make an account with a first key; prints both, and the secret that signs its webhooks
    Create {
        /// What to call it
        name: String,
        /// Where its owner is reached
        #[arg(long)]
        email: Option<String>,
        /// Let its submits need credits
        #[arg(long)]
        metered: bool,
        /// Keep its source images until it deletes the video, in place of until the job has ended
        #[arg(long)]
        keep_history: bool,
    },
    /// Show or set what an account may have in the queue, and its share of the GPUs
    Limits {
        /// Whose limits (acct_…)
        account: String,
        /// Jobs that may be worked on at the same time, or `none`
        #[arg(long)]
        max_running: Option<Limit>,
        /// Jobs that may wait, or `none`
        #[arg(long)]
        max_queued: Option<Limit>,
        /// Weight in a tier beside other accounts, as `tier=weight`: 2 is twice the share of 1. May be repeated
        #[arg(long, value_name = "TIER=WEIGHT")]
        weight: Vec<Weight>,
    },
}

/// A whole number, or none.
#[derive(Debug, Clone, Copy)]
pub struct Limit(pub Option<i32>);

impl FromStr for Limit {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let limit = match text {
            "none" => Some(None),
            _ => text.parse().ok().filter(|limit| *limit > 0).map(Some),
        };
        limit.map(Self).ok_or_else(|| format!("must be a whole number from 1 to {}, or none", i32::MAX))
    }
}

/// A weight in a tier.
#[derive(Debug, Clone, Copy)]
pub struct Weight(pub Tier, pub f64);

impl FromStr for Weight {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (tier, weight) = text.split_once('=').ok_or("must be tier=weight, such as pro=2")?;
        let weight = weight.parse().ok().filter(|weight| (0.001..=1000.0).contains(weight));
        Ok(Self(tier.parse()?, weight.ok_or("the weight must be a number from 0.001 to 1000")?))
    }
}

/// What can be done with keys.
#[derive(Debug, clap::Subcommand)]
pub enum KeyCommand {
    /// Make a key; it is shown only now
    Create {
        /// Whose key (acct_…)
        account: String,
        /// What to call it
        name: String,
        /// What it may be used for: videos:read, videos:write or account; everything if left out. May be repeated
        #[arg(long, value_name = "SCOPE")]
        scope: Vec<Scope>,
    },
    /// Show the keys of an account
    List {
        /// Whose keys (acct_…)
        account: String,
    },
    /// End a key at once
    Revoke {
        /// Whose key (acct_…)
        account: String,
        /// Which key (key_…)
        key: String,
    },
}

/// What can be done with secrets.
#[derive(Debug, Clone, Copy, clap::Subcommand)]
pub enum SecretsCommand {
    /// Print a new master key. Needs no database
    Generate,
    /// Bring every secret under the first master key. May be broken off and begun again
    Rotate,
    /// Count the secrets under each master key; fails if one of those keys is missing
    Check,
}

/// Settings of the server.
#[derive(Debug, Clone, clap::Args)]
pub struct ServeConfig {
    /// Address to listen on
    #[arg(long, env = "CLIPMILL_LISTEN", default_value = "127.0.0.1:8080")]
    pub listen: SocketAddr,
    /// What lies between it and its clients
    #[command(flatten)]
    pub transport: TransportConfig,
    /// Where objects are kept
    #[command(flatten)]
    pub storage: StorageConfig,
    /// Whom customers may make us call
    #[command(flatten)]
    pub outbound: OutboundConfig,
    /// How webhooks are signed beside the secrets of their receivers
    #[command(flatten)]
    pub signing: SigningConfig,
    /// What may not be drawn
    #[command(flatten)]
    pub moderation: ModerationConfig,
    /// What clients may do
    #[command(flatten)]
    pub clients: ClientConfig,
}

/// What clients may do, and by which names.
#[derive(Debug, Clone, clap::Args)]
pub struct ClientConfig {
    /// Further model names and the tier that each means
    #[arg(long, env = "CLIPMILL_MODEL_ALIASES", default_value = "sora-2=fast,sora-2-pro=pro")]
    pub model_aliases: ModelAliases,
    /// How often they may ask
    #[command(flatten)]
    pub rates: RateConfig,
    /// Credits that a million pixels shown for a second cost, as `tier=credits,…`; only metered accounts need any
    #[arg(long, env = "CLIPMILL_CREDITS_PER_UNIT", default_value = "fast=10,pro=50")]
    pub credits_per_unit: Prices,
    /// Origins whose pages may call the API from a browser, as `https://example.com`, or `*` for all
    #[arg(long, env = "CLIPMILL_CORS_ORIGINS", value_delimiter = ',')]
    pub cors_origins: Vec<HeaderValue>,
    /// What may become of their prompts
    #[command(flatten)]
    pub prompt: PromptConfig,
    /// What visible marks are like
    #[command(flatten)]
    pub watermark: WatermarkConfig,
    /// What clients of the MiniMax API may do
    #[command(flatten)]
    pub minimax: MinimaxConfig,
}

impl Default for ClientConfig {
    /// As on an empty command line.
    fn default() -> Self {
        #[derive(clap::Parser)]
        struct Alone {
            #[command(flatten)]
            clients: ClientConfig,
        }
        <Alone as clap::Parser>::parse_from(["clipmill-api"]).clients
    }
}

/// Model names beside the tiers' own: `name=tier,name=tier`.
#[derive(Debug, Clone, Default)]
pub struct ModelAliases(pub BTreeMap<String, Tier>);

impl FromStr for ModelAliases {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let pairs = text.split(',').map(str::trim).filter(|pair| !pair.is_empty()).map(|pair| {
            let (name, tier) = pair.split_once('=').ok_or_else(|| format!("{pair}: must be name=tier"))?;
            Ok((name.trim().to_owned(), tier.trim().parse().map_err(|error| format!("{pair}: {error}"))?))
        });
        pairs.collect::<Result<_, String>>().map(Self)
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    #[test]
    fn the_command_line_is_well_formed() {
        Cli::command().debug_assert();
    }

    #[test]
    fn a_master_key_is_made_without_a_database() {
        let read = |arguments: &[&str]| <Cli as clap::Parser>::try_parse_from(arguments);
        let generate = read(&["clipmill-api", "secrets", "generate"]);
        assert!(generate.is_ok_and(|cli| matches!(cli.command, Command::Secrets(SecretsCommand::Generate))));
        let rotate = read(&["clipmill-api", "--database-url", "postgres://localhost/x", "secrets", "rotate"]);
        assert!(rotate.is_ok_and(|cli| cli.db.is_some()));
    }

    #[test]
    fn aliases_are_pairs_of_name_and_tier() {
        let aliases: ModelAliases = "sora-2=fast, sora-2-pro=pro,".parse().expect("two pairs");
        assert_eq!(aliases.0.get("sora-2-pro"), Some(&Tier::Pro));
        assert!("sora-2".parse::<ModelAliases>().is_err());
        assert!("sora-2=medium".parse::<ModelAliases>().is_err());
    }
}
