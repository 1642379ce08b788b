//! The whole service in one process: whatever is not configured is embedded.

use std::fs;
use std::io::Write as _;
use std::net::SocketAddr;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use clap::{Args, Parser as _};
use clipmill_api::config::ClientConfig;
use clipmill_api::{App, Transport};
use clipmill_shared::accounts;
use clipmill_shared::accounts::keys::{self, Identity, KeyWish};
use clipmill_shared::db::{self, DatabaseUrl, PgPool};
use clipmill_shared::id::AccountId;
use clipmill_shared::jobs::watermark::Fonts;
use clipmill_shared::moderation::{Moderation, ModerationConfig};
use clipmill_shared::outbound::OutboundConfig;
use clipmill_shared::roles;
use clipmill_shared::secret::{ApiKey, WebhookSecret};
use clipmill_shared::storage::{DEFAULT_BUCKET, Storage, StorageConfig};
use clipmill_shared::vault::{Vault, VaultConfig};
use clipmill_worker::Env;
use clipmill_worker::config::WorkerConfig;
use clipmill_worker::postprocess::provenance::ProvenanceConfig;
use tokio::net::TcpListener;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::embedded::{self, Options, Postgres, Store};

/// The account that a first start makes.
const ACCOUNT_NAME: &str = "dev";
/// How long requests and renders under way may go on when the service shall end.
const GRACE: Duration = Duration::from_secs(2);

/// How to run the whole service.
#[derive(Debug, Clone, Args)]
pub struct ServiceConfig {
    /// Folder for everything that is embedded
    #[arg(long, env = "CLIPMILL_DATA", default_value = ".clipmill")]
    pub data: PathBuf,
    /// File for the first account's API key; api-key in the data folder if unset
    #[arg(long, env = "CLIPMILL_KEY_FILE")]
    pub key_file: Option<PathBuf>,
    /// Postgres to use in place of the embedded one
    #[arg(long, env = "DATABASE_URL", hide_env_values = true)]
    pub database_url: Option<DatabaseUrl>,
    /// What secrets in the database are sealed with; a key that is made in the data folder if Postgres is embedded
    #[command(flatten)]
    pub secrets: VaultConfig,
    /// Where objects are kept; embedded unless an endpoint or a bucket is named
    #[command(flatten)]
    pub storage: StorageConfig,
    /// What may neither be drawn nor handed out
    #[command(flatten)]
    pub moderation: ModerationConfig,
    /// What clients may do
    #[command(flatten)]
    pub clients: ClientConfig,
    /// How to work
    #[command(flatten)]
    pub worker: WorkerConfig,
}

/// The running service.
pub struct Service {
    /// Where the API answers.
    pub address: SocketAddr,
    /// A key of the first account.
    pub key: ApiKey,
    /// Whether the key was made by this start.
    pub key_is_new: bool,
    /// Signs the first account's webhooks.
    pub webhook_secret: WebhookSecret,
    stop: CancellationToken,
    parts: JoinSet<Result<()>>,
    pool: PgPool,
    postgres: Option<Postgres>,
    store: Option<Store>,
}

#[derive(clap::Parser)]
struct Defaults {
    #[command(flatten)]
    service: ServiceConfig,
}

impl ServiceConfig {
    /// Everything embedded in `folder`, all else as it is by default.
    pub fn embedded_in(folder: &Path) -> Self {
        let defaults = Defaults::parse_from(["clipmill"]).service;
        let storage = StorageConfig { endpoint: None, bucket: None, ..defaults.storage };
        Self {
            data: folder.to_owned(),
            key_file: None,
            database_url: None,
            secrets: VaultConfig::default(),
            storage,
            ..defaults
        }
    }

    /// Whether any part of the service is embedded.
    pub fn is_embedded(&self) -> bool {
        self.database_url.is_none() || self.store_is_embedded()
    }

    fn store_is_embedded(&self) -> bool {
        self.storage.endpoint.is_none() && self.storage.bucket.is_none()
    }

    fn key_file(&self) -> PathBuf {
        self.key_file.clone().unwrap_or_else(|| self.data.join("api-key"))
    }
}

impl Service {
    /// Starts every part; comes back when a job can be submitted on `listener`.
    pub async fn start(config: &ServiceConfig, listener: TcpListener) -> Result<Self> {
        let (postgres, pool) = open_database(config).await?;
        db::migrate(&pool).await.context("cannot bring the database up to date")?;
        let vault = open_vault(config)?;
        let (store, storage) = open_store(config).await?;
        storage.check().await.context("cannot use the bucket: look at the S3 settings")?;
        let (account, key, key_is_new) = first_key(&pool, &vault, &config.key_file()).await?;
        let webhook_secret = accounts::get(&pool, &vault, account).await?.webhook_secret;

        let stop = CancellationToken::new();
        let outbound = OutboundConfig::unguarded();
        let (api_pool, worker_pool) =
            (open_as(config, &postgres, roles::API).await?, open_as(config, &postgres, roles::WORKER).await?);
        let app = App::new(
            api_pool.unwrap_or_else(|| pool.clone()),
            storage.clone(),
            vault.clone(),
            &outbound,
            &config.moderation,
            &config.clients,
            &config.worker.signing,
        )?;
        let provenance = provenance(config)?;
        let worker = WorkerConfig { grace_seconds: GRACE.as_secs(), provenance, ..config.worker.clone() };
        let worker_pool = worker_pool.unwrap_or_else(|| pool.clone());
        let engines = worker.engines(&worker_pool).context("the engines cannot be set up")?;
        let moderation = Moderation::open(&config.moderation).map_err(anyhow::Error::msg)?;
        let env = Env::new(worker_pool, storage, vault, engines, worker, &outbound, stop.clone())?;
        let fonts = Fonts::open(&config.clients.watermark.font).map_err(anyhow::Error::msg)?;
        let env = Arc::new(env.moderated_by(moderation).writing_with(fonts));

        let address = listener.local_addr().context("cannot read the address that was bound")?;
        let mut parts = JoinSet::new();
        parts.spawn(clipmill_worker::run(env));
        let until = stop.clone();
        parts.spawn(async move {
            let serving = clipmill_api::serve(listener, app, Transport::default(), until.cancelled_owned());
            serving.await.context("the API ended")
        });
        Ok(Self { address, key, key_is_new, webhook_secret, stop, parts, pool, postgres, store })
    }

    /// Where clients find the API.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Waits until a part ends by itself, which none should.
    pub async fn failed(&mut self) -> anyhow::Error {
        match self.parts.join_next().await {
            Some(Ok(Err(error))) => error,
            Some(Err(panic)) => panic.into(),
            Some(Ok(Ok(()))) | None => anyhow::anyhow!("a part of the service ended"),
        }
    }

    /// Stops every part in order: takes nothing new, gives back what renders, then lets go of the store and Postgres.
    pub async fn stop(mut self) -> Result<()> {
        self.stop.cancel();
        let parts = async { while self.parts.join_next().await.is_some() {} };
        // A request or an upload that outlasts its grace is broken off; the ledger knows what to do about it.
        let _ = tokio::time::timeout(GRACE * 2, parts).await;
        self.parts.shutdown().await;
        self.pool.close().await;
        if let Some(store) = self.store {
            let _ = tokio::time::timeout(GRACE, store.stop()).await;
        }
        match self.postgres {
            Some(postgres) => postgres.stop().await.context("cannot stop the embedded Postgres"),
            None => Ok(()),
        }
    }
}

async fn open_database(config: &ServiceConfig) -> Result<(Option<Postgres>, PgPool)> {
    let (postgres, url) = match &config.database_url {
        Some(url) => (None, url.clone()),
        None => {
            let postgres = Postgres::start(&config.data, Options::default()).await?;
            let url = postgres.url().parse().map_err(anyhow::Error::msg)?;
            (Some(postgres), url)
        }
    };
    let pool = db::connect(&url.config()).await.context("cannot reach Postgres: look at DATABASE_URL")?;
    Ok((postgres, pool))
}

/// A key that is made in the data folder has to stay beside what it seals, so only an embedded Postgres gets one.
fn open_vault(config: &ServiceConfig) -> Result<Vault> {
    let mut secrets = config.secrets.clone();
    if !secrets.is_set() && config.database_url.is_none() {
        secrets.master_key_file = Some(embedded::master_key_file(&config.data)?);
    }
    secrets.vault().map_err(anyhow::Error::msg)
}

/// Media are signed all the same where nobody set a certificate up, by one that is made in the data folder.
fn provenance(config: &ServiceConfig) -> Result<ProvenanceConfig> {
    let given = config.worker.provenance.clone();
    Ok(if given.signs() { given } else { given.signed_by(embedded::certificate(&config.data)?) })
}

/// The embedded database, as this role; none where the database is somebody's own, with its own logins.
async fn open_as(config: &ServiceConfig, postgres: &Option<Postgres>, role: &str) -> Result<Option<PgPool>> {
    let Some(postgres) = postgres.as_ref().filter(|_| config.database_url.is_none()) else { return Ok(None) };
    let url: DatabaseUrl = postgres.url().parse().map_err(anyhow::Error::msg)?;
    let pool = db::connect(&url.config().acting_as(role)).await;
    pool.map(Some).with_context(|| format!("cannot act as {role} in the embedded Postgres"))
}

async fn open_store(config: &ServiceConfig) -> Result<(Option<Store>, Storage)> {
    if !config.store_is_embedded() {
        return Ok((None, Storage::open(&config.storage).await));
    }
    let store = Store::start(&config.data, SocketAddr::from(([127, 0, 0, 1], 0)), &[DEFAULT_BUCKET]).await?;
    let embedded = StorageConfig {
        bucket: Some(DEFAULT_BUCKET.to_owned()),
        endpoint: Some(store.endpoint().to_owned()),
        public_endpoint: None,
        region: store.region().to_owned(),
        access_key_id: Some(store.access_key().to_owned()),
        secret_access_key: Some(store.secret_key().to_owned().into()),
        session_token: None,
        path_style: true,
        ..config.storage.clone()
    };
    Ok((Some(store), Storage::open(&embedded).await))
}

/// The key in the file, if it still lives; else a new one of the first account, which is made if there is none.
async fn first_key(pool: &PgPool, vault: &Vault, file: &Path) -> Result<(AccountId, ApiKey, bool)> {
    if let Some(key) = fs::read_to_string(file).ok().and_then(|text| ApiKey::parse(text.trim()))
        && let Some(Identity { account, .. }) = keys::authenticate(pool, &key).await?
    {
        return Ok((account, key, false));
    }
    let account = match accounts::find_by_name(pool, ACCOUNT_NAME).await? {
        Some(account) => account,
        None => accounts::create(pool, vault, ACCOUNT_NAME, false).await?.id,
    };
    let (_, key) = keys::create(pool, account, &KeyWish::named("first key")).await?;
    write_key(file, &key).with_context(|| format!("cannot write the API key to {}", file.display()))?;
    Ok((account, key, true))
}

fn write_key(file: &Path, key: &ApiKey) -> std::io::Result<()> {
    let mut file = fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(file)?;
    writeln!(file, "{}", key.reveal())
}

/// Refuses an address that others can reach while a part is embedded, whose keys are made for this machine alone.
pub fn check_address(config: &ServiceConfig, listen: SocketAddr, allow_remote: bool) -> Result<()> {
    if config.is_embedded() && !listen.ip().is_loopback() && !allow_remote {
        bail!(
            "{listen} can be reached by others and the embedded parts are for this machine: say --allow-remote if you mean it"
        );
    }
    Ok(())
}
