//! One test's service: its own database and account, the API on a port of its own, and a worker that goes step by step.

use std::sync::Arc;
use std::time::Duration;

use clipmill_api::App;
use clipmill_api::config::ClientConfig;
use clipmill_shared::accounts;
use clipmill_shared::accounts::keys::{self, KeyWish};
use clipmill_shared::accounts::operators;
use clipmill_shared::db::{self, DatabaseUrl, DbConfig, PgPool};
use clipmill_shared::id::{AccountId, JobId};
use clipmill_shared::moderation::Moderation;
use clipmill_shared::outbound::{self, OutboundConfig};
use clipmill_shared::roles;
use clipmill_shared::secret::WebhookSecret;
use clipmill_shared::storage::{Storage, StorageConfig};
use clipmill_shared::vault::VaultConfig;
use clipmill_shared::webhooks::asymmetric::SigningConfig;
use clipmill_worker::config::{EngineConfig, ReconcileConfig, WorkerConfig};
use clipmill_worker::env::Engines;
use clipmill_worker::postprocess::EncoderChoice;
use clipmill_worker::postprocess::provenance::ProvenanceConfig;
use clipmill_worker::{Env, expire, notify, pull};
use reqwest::{Client, Method, RequestBuilder, StatusCode, multipart};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio_util::sync::{CancellationToken, DropGuard};

use crate::check;
use crate::cluster::{self, Cluster};
use crate::proxy::Proxy;
use crate::setup::Setup;
use crate::shared::shared;

/// One test's service.
pub struct Server {
    /// The ledger, as its owner.
    pub pool: PgPool,
    /// The ledger, as the API has it.
    pub api: PgPool,
    /// Where it is, for processes of their own.
    pub database_url: String,
    /// The store.
    pub storage: Storage,
    /// What the worker uses.
    pub env: Arc<Env>,
    /// The test's account.
    pub account: AccountId,
    /// Signs its webhooks.
    pub webhook_secret: WebhookSecret,
    /// What secrets in the database are sealed with.
    pub secrets: VaultConfig,
    storage_config: StorageConfig,
    url: String,
    key: String,
    http: Client,
    _stop: DropGuard,
}

impl Server {
    /// A service whose tiers are rendered by the preview engine.
    pub async fn start() -> Self {
        Self::with(Setup::default()).await
    }

    /// A service whose tiers are rendered by these engines.
    pub async fn with_engines(engines: Engines) -> Self {
        Self::with(Setup { engines, ..Setup::default() }).await
    }

    /// A service that signs its webhooks with this key too.
    pub async fn signing_with(key: &str) -> Self {
        let signing = SigningConfig { webhook_signing_key: Some(key.parse().expect("a key")) };
        Self::with(Setup { signing, ..Setup::default() }).await
    }

    /// A service like this.
    pub async fn with(setup: Setup) -> Self {
        Self::on(shared().await.database().await, setup).await
    }

    /// A service on a cluster that may be restarted without harm to other tests.
    pub async fn on_its_own_postgres(cluster: &Cluster) -> Self {
        Self::on(cluster.database().await, Setup::default()).await
    }

    /// A service whose clients may do so much.
    pub async fn for_clients(clients: ClientConfig) -> Self {
        Self::with(Setup { clients, ..Setup::default() }).await
    }

    async fn on(database_url: String, setup: Setup) -> Self {
        let Setup { engines, clients, moderation, provenance, signing, transport, secrets, store } = setup;
        let vault = secrets.vault().expect("a vault");
        let storage_config = match store {
            Some(store) => store,
            None => shared().await.storage(),
        };
        let url: DatabaseUrl = database_url.parse().expect("a Postgres URL");
        let pool = db::connect(&DbConfig { database_connections: 8, ..url.config() }).await.expect("Postgres answers");
        let storage = Storage::open(&storage_config).await;
        let outbound = OutboundConfig::unguarded();
        let account = accounts::create(&pool, &vault, "test", false).await.expect("an account");
        let (_, key) = keys::create(&pool, account.id, &KeyWish::named("test")).await.expect("a key");
        let (api, worker) = (acting_as(&database_url, roles::API).await, acting_as(&database_url, roles::WORKER).await);
        let stop = CancellationToken::new();
        let app = App::new(api.clone(), storage.clone(), vault.clone(), &outbound, &moderation, &clients, &signing)
            .expect("an app");
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("its address");
        tokio::spawn(clipmill_api::serve(listener, app, transport, stop.clone().cancelled_owned()));
        let config = WorkerConfig { provenance, signing, ..worker_config() };
        let env = Env::new(worker, storage.clone(), vault, engines, config, &outbound, stop.clone()).expect("an env");
        let env = env.moderated_by(Moderation::open(&moderation).expect("moderation"));
        Self {
            env: Arc::new(env),
            pool,
            api,
            database_url,
            storage,
            storage_config,
            account: account.id,
            webhook_secret: account.webhook_secret,
            secrets,
            url: format!("http://{address}"),
            key: key.reveal().to_owned(),
            http: outbound::trusted(Duration::from_secs(60)).expect("a client"),
            _stop: stop.drop_guard(),
        }
    }

    /// Proxies to the database and to the store.
    pub async fn proxies(&self) -> (Proxy, Proxy) {
        let store = self.storage_config.endpoint.as_deref().and_then(|endpoint| endpoint.strip_prefix("http://"));
        (Proxy::to(cluster::host(&self.database_url)).await, Proxy::to(store.expect("a plain endpoint")).await)
    }

    /// A worker of its own that reaches database and store by these proxies.
    pub async fn env_behind(&self, database: &Proxy, store: &Proxy, engines: Engines) -> Arc<Env> {
        let url: DatabaseUrl = self.database_behind(database).parse().expect("a Postgres URL");
        let pool = db::connect(&url.config()).await.expect("Postgres answers");
        let endpoint = Some(format!("http://{}", store.address()));
        let storage = Storage::open(&StorageConfig { endpoint, ..self.storage_config.clone() }).await;
        let outbound = OutboundConfig::unguarded();
        let (vault, stop) = (self.env.vault.clone(), CancellationToken::new());
        let env = Env::new(pool, storage, vault, engines, worker_config(), &outbound, stop);
        Arc::new(env.expect("an env"))
    }

    /// The environment by which a process of its own finds database and store, and opens the secrets.
    pub async fn environment(&self) -> Vec<(&'static str, String)> {
        self.environment_at(&self.database_url).await
    }

    async fn environment_at(&self, database_url: &str) -> Vec<(&'static str, String)> {
        let mut environment = shared().await.environment(database_url);
        let keys = self.secrets.master_keys.as_ref();
        let StorageConfig { endpoint, access_key_id, secret_access_key, .. } = self.storage_config.clone();
        environment.extend(endpoint.map(|endpoint| ("AWS_ENDPOINT_URL_S3", endpoint)));
        environment.extend(access_key_id.map(|id| ("AWS_ACCESS_KEY_ID", id)));
        environment.extend(secret_access_key.map(|key| ("AWS_SECRET_ACCESS_KEY", key.reveal().to_owned())));
        environment.extend(keys.map(|keys| ("CLIPMILL_MASTER_KEYS", keys.reveal().to_owned())));
        environment
    }

    /// The environment by which a process of its own reaches database and store by these proxies.
    pub async fn environment_behind(&self, database: &Proxy, store: &Proxy) -> Vec<(&'static str, String)> {
        let mut environment = self.environment_at(&self.database_behind(database)).await;
        environment.push(("AWS_ENDPOINT_URL_S3", format!("http://{}", store.address())));
        environment
    }

    fn database_behind(&self, database: &Proxy) -> String {
        self.database_url.replace(cluster::host(&self.database_url), &database.address())
    }

    /// Where the API answers.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// The test account's key.
    pub fn key(&self) -> &str {
        &self.key
    }

    /// A request as the test's account.
    pub fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.anonymous(method, path).bearer_auth(&self.key)
    }

    /// A request as nobody.
    pub fn anonymous(&self, method: Method, path: &str) -> RequestBuilder {
        self.http.request(method, format!("{}{path}", self.url))
    }

    /// A second account's key.
    pub async fn stranger(&self) -> String {
        let account = accounts::create(&self.pool, &self.env.vault, "stranger", false).await.expect("an account");
        keys::create(&self.pool, account.id, &KeyWish::named("stranger")).await.expect("a key").1.reveal().to_owned()
    }

    /// A key of somebody who runs the service.
    pub async fn operator(&self) -> String {
        operators::create(&self.pool, "grace", None).await.expect("a key").1.reveal().to_owned()
    }

    /// A request with another key than the test account's own.
    pub async fn ask_as(&self, key: &str, method: Method, path: &str, body: Value) -> (StatusCode, Value) {
        let request = self.anonymous(method, path).bearer_auth(key);
        answer(if body.is_null() { request } else { request.json(&body) }).await
    }

    /// A request of any kind as the test's account.
    pub async fn ask(&self, method: Method, path: &str, body: Value) -> (StatusCode, Value) {
        self.ask_as(&self.key, method, path, body).await
    }

    /// Sends JSON to an address as the test's account.
    pub async fn post(&self, path: &str, body: Value) -> (StatusCode, Value) {
        answer(self.request(Method::POST, path).json(&body)).await
    }

    /// Makes a webhook endpoint, which has to be accepted.
    pub async fn endpoint(&self, body: Value) -> Value {
        let (status, endpoint) = self.post("/v1/webhook_endpoints", body).await;
        assert_eq!(status, StatusCode::OK, "{endpoint}");
        endpoint
    }

    /// Reads an address as the test's account.
    pub async fn get(&self, path: &str) -> (StatusCode, Value) {
        answer(self.request(Method::GET, path)).await
    }

    /// Submits a job that has to be accepted.
    pub async fn submit(&self, body: Value) -> Value {
        let (status, video) = answer(self.request(Method::POST, "/v1/videos").json(&body)).await;
        assert_eq!(status, StatusCode::OK, "{video}");
        video
    }

    /// Submits a small job that renders quickly.
    pub async fn submit_small(&self) -> Value {
        self.submit(small()).await
    }

    /// Puts up a file that has to be accepted.
    pub async fn put_up(&self, bytes: &'static [u8], name: &'static str) -> Value {
        let form = multipart::Form::new().part("file", multipart::Part::bytes(bytes).file_name(name));
        let (status, file) = answer(self.request(Method::POST, "/v1/files").multipart(form)).await;
        assert_eq!(status, StatusCode::OK, "{file}");
        file
    }

    /// How a job stands.
    pub async fn video(&self, id: &Value) -> Value {
        let (status, video) = self.get(&format!("/v1/videos/{}", text(id))).await;
        assert_eq!(status, StatusCode::OK, "{video}");
        video
    }

    /// Lets the worker take one job to the end of an attempt; it has to find one.
    pub async fn render(&self) {
        assert!(pull::step(&self.env).await.expect("a step"), "there is no job to render");
    }

    /// Lets the worker send what is due.
    pub async fn notify(&self) -> usize {
        notify::step(&self.env).await.expect("a step")
    }

    /// Lets the worker rescue and remove what is due.
    pub async fn expire(&self) -> usize {
        expire::step(&self.env).await.expect("a step")
    }

    /// Submits a small job and takes it to its end.
    pub async fn completed(&self) -> Value {
        let video = self.submit_small().await;
        self.render().await;
        let video = self.video(&video["id"]).await;
        assert_eq!(video["status"], "completed", "{video}");
        video
    }

    /// Makes every timer and every pause due.
    pub async fn age_timers(&self) {
        for statement in [
            "update removals set due_at = now()",
            "update deliveries set due_at = now()",
            "update jobs set run_at = now()",
            "update files set expires_at = now(), writable_until = now()",
        ] {
            sqlx::query(statement).execute(&self.pool).await.expect("rows are aged");
        }
    }

    /// Makes every lease lapse.
    pub async fn age_leases(&self) {
        let aged = "update jobs set lease_until = now() - interval '1 second' where status = 'in_progress'";
        sqlx::query(aged).execute(&self.pool).await.expect("leases are aged");
    }

    /// The keys of a file's objects.
    pub async fn file_objects(&self, id: &Value) -> Vec<String> {
        self.storage.list(&format!("{}/files/{}/", self.account, text(id))).await.expect("a listing")
    }

    /// The keys of a job's objects.
    pub async fn objects(&self, id: &Value) -> Vec<String> {
        let id: JobId = text(id).parse().expect("a job's id");
        self.storage.list(&format!("{}/{id}/", self.account)).await.expect("a listing")
    }

    /// The keys of all objects of the test's account.
    pub async fn objects_of_account(&self) -> Vec<String> {
        self.storage.list(&format!("{}/", self.account)).await.expect("a listing")
    }
}

/// The ledger with the rights of this role.
async fn acting_as(database_url: &str, role: &str) -> PgPool {
    let url: DatabaseUrl = database_url.parse().expect("a Postgres URL");
    let config = DbConfig { database_connections: 8, ..url.config() }.acting_as(role);
    db::connect(&config).await.expect("Postgres answers")
}

/// A worker of every tier with one GPU.
pub fn worker_config() -> WorkerConfig {
    let scratch = Some(std::env::temp_dir());
    let tiers = clipmill_shared::tier::Tier::ALL.to_vec();
    WorkerConfig {
        name: "test".to_owned(),
        tiers,
        engines: EngineConfig { tiers_file: None, device: "cpu".to_owned() },
        gpus: 1,
        encoder: EncoderChoice::Software,
        lease_seconds: 30,
        attempt_seconds: 600,
        grace_seconds: 0,
        model_streak: 8,
        record_days: 90,
        expiring_notice_seconds: 3600,
        reconcile: ReconcileConfig::default(),
        scratch,
        signing: SigningConfig::default(),
        provenance: ProvenanceConfig::default(),
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            check::on_a_thread(self.database_url.clone(), self.storage_config.clone(), self.account);
        }
    }
}

/// A job of 256 by 144 pixels and one second.
pub fn small() -> Value {
    json!({ "prompt": "a red boat on a calm sea", "model": "fast", "size": "256x144", "seconds": 1, "seed": 7 })
}

/// Sends a request and reads its answer.
pub async fn answer(request: RequestBuilder) -> (StatusCode, Value) {
    let response = request.send().await.expect("an answer");
    let status = response.status();
    let body = response.bytes().await.expect("a body");
    (
        status,
        serde_json::from_slice(&body).unwrap_or_else(|_| Value::String(String::from_utf8_lossy(&body).into_owned())),
    )
}

/// A text in JSON.
pub fn text(value: &Value) -> &str {
    value.as_str().expect("a text")
}
