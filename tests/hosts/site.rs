//! The service, each part of it on a host of its own.

use std::path::Path;
use std::time::Duration;

use anyhow::{Context as _, Result};
use clipmill_shared::accounts;
use clipmill_shared::accounts::keys::{self, KeyWish};
use clipmill_shared::db::{self, DatabaseUrl, PgPool};
use clipmill_shared::id::AccountId;
use clipmill_shared::roles;
use clipmill_shared::secret::ApiKey;
use clipmill_shared::storage::{Checksum, DEFAULT_BUCKET, Prefix, Sse, StorageConfig};
use clipmill_shared::vault::MasterKey;
use clipmill_tests::process::{binary, until};
use clipmill_tests::setup::sealed_with;
use tokio::process::Child;

use crate::enclosure::FOLDER;
use crate::network::{Host, Network};
use crate::part::{self, Kind};

/// What the parts log, unless the caller wants to hear more: much fails here that shall.
const QUIET: &str = "off,sqlx::query=off,sqlx::pool=off";

type Environment = Vec<(&'static str, String)>;

/// All hosts and what runs on them.
pub(crate) struct Site {
    /// Two hosts with the API.
    pub(crate) apis: [Host; 2],
    /// Three hosts with workers.
    pub(crate) workers: [Worker; 3],
    /// The ledger, as its owner.
    pub(crate) pool: PgPool,
    /// The ledger's address.
    pub(crate) database_url: String,
    /// How to reach the store.
    pub(crate) storage: StorageConfig,
    /// The customers' account.
    pub(crate) account: AccountId,
    /// Its key.
    pub(crate) key: ApiKey,
    _processes: Vec<Child>,
}

/// A host with a worker.
pub(crate) struct Worker {
    /// The host.
    pub(crate) host: Host,
    lease_seconds: u64,
    environment: Environment,
    process: Child,
}

impl Site {
    /// Builds all of it, and comes back when both APIs are ready.
    pub(crate) async fn build(lease_seconds: u64) -> Result<Self> {
        let mut network = Network::lay().await?;
        let postgres = network.host("postgres").await?;
        let (postgres, database_url) = part::start(&postgres, Kind::Postgres, 5432).await?;
        let store = network.host("store").await?;
        let endpoint = format!("http://{}", store.at(9000));
        let (store, secret) = part::start(&store, Kind::Store, 9000).await?;
        let storage = storage(endpoint, secret);

        let url: DatabaseUrl = database_url.parse().map_err(anyhow::Error::msg)?;
        let pool = db::connect(&url.config()).await.context("Postgres does not answer")?;
        db::migrate(&pool).await?;
        let master_key = MasterKey::generate();
        let environment = environment(&database_url, &storage, master_key.reveal());
        let vault = sealed_with([master_key]).vault().map_err(anyhow::Error::msg)?;
        let account = accounts::create(&pool, &vault, "hosts", false).await?.id;
        let (_, key) = keys::create(&pool, account, &KeyWish::named("hosts")).await?;

        let apis = [network.host("api-1").await?, network.host("api-2").await?];
        let mut processes = vec![postgres, store];
        for api in &apis {
            processes.push(serve(api, &environment)?);
        }
        let mut worker = async |name| Worker::start(network.host(name).await?, lease_seconds, environment.clone());
        let workers = [worker("worker-a").await?, worker("worker-b").await?, worker("worker-c").await?];
        let site = Self { apis, workers, pool, database_url, storage, account, key, _processes: processes };
        site.ready().await?;
        Ok(site)
    }

    /// Where the customers find the APIs.
    pub(crate) fn addresses(&self) -> [String; 2] {
        [&self.apis[0], &self.apis[1]].map(|host| format!("http://{}", host.at(8080)))
    }

    async fn ready(&self) -> Result<()> {
        let http = reqwest::Client::builder().timeout(Duration::from_secs(5)).build()?;
        for address in self.addresses() {
            until("an API that is ready", async || {
                let answer = http.get(format!("{address}/readyz")).send().await;
                answer.is_ok_and(|answer| answer.status().is_success())
            })
            .await;
        }
        Ok(())
    }
}

impl Worker {
    fn start(host: Host, lease_seconds: u64, environment: Environment) -> Result<Self> {
        let process = work(&host, lease_seconds, &environment)?;
        Ok(Self { host, lease_seconds, environment, process })
    }

    /// Ends its process without a word.
    pub(crate) async fn kill(&mut self) -> Result<()> {
        self.process.kill().await.context("cannot kill a worker")
    }

    /// Starts another process where one was killed.
    pub(crate) fn hire(&mut self) -> Result<()> {
        self.process = work(&self.host, self.lease_seconds, &self.environment)?;
        Ok(())
    }
}

fn serve(host: &Host, environment: &Environment) -> Result<Child> {
    let mut command = host.command(binary("clipmill-api"));
    command.args(["serve", "--plain-http", "--listen", &host.at(8080).to_string()]).envs(environment.clone());
    command.env("CLIPMILL_DATABASE_ROLE", roles::API).spawn().context("cannot start an API")
}

fn work(host: &Host, lease_seconds: u64, environment: &Environment) -> Result<Child> {
    let scratch = Path::new(FOLDER).join(host.name);
    std::fs::create_dir_all(&scratch).with_context(|| format!("cannot create {}", scratch.display()))?;
    let mut command = host.command(binary("clipmill-worker"));
    command.args(["--worker-name", host.name, "--grace-seconds", "1", "--lease-seconds", &lease_seconds.to_string()]);
    command.arg("--scratch").arg(scratch).envs(environment.clone());
    command.env("CLIPMILL_DATABASE_ROLE", roles::WORKER).spawn().context("cannot start a worker")
}

fn storage(endpoint: String, secret: String) -> StorageConfig {
    StorageConfig {
        bucket: Some(DEFAULT_BUCKET.to_owned()),
        endpoint: Some(endpoint),
        public_endpoint: None,
        region: "us-east-1".to_owned(),
        access_key_id: Some("clipmill".to_owned()),
        secret_access_key: Some(secret.into()),
        session_token: None,
        path_style: true,
        sts_endpoint: None,
        link_seconds: 600,
        prefix: Prefix::default(),
        sse: Sse::None,
        checksum: Checksum::default(),
    }
}

fn environment(database_url: &str, storage: &StorageConfig, master_key: String) -> Environment {
    let text = |setting: &Option<String>| setting.clone().unwrap_or_default();
    let secret = storage.secret_access_key.as_ref().map(|secret| secret.reveal().to_owned());
    vec![
        ("DATABASE_URL", database_url.to_owned()),
        ("AWS_ENDPOINT_URL_S3", text(&storage.endpoint)),
        ("AWS_ACCESS_KEY_ID", text(&storage.access_key_id)),
        ("AWS_SECRET_ACCESS_KEY", text(&secret)),
        ("CLIPMILL_S3_BUCKET", text(&storage.bucket)),
        ("CLIPMILL_ALLOW_PRIVATE_ADDRESSES", "true".to_owned()),
        ("CLIPMILL_MASTER_KEYS", master_key),
        ("CLIPMILL_LOG", std::env::var("CLIPMILL_LOG").unwrap_or_else(|_| QUIET.to_owned())),
    ]
}
