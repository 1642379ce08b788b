//! Secrets at rest: what the database holds of them, and what becomes of webhooks while master keys change or are missing.

use std::sync::Arc;

use clipmill_shared::id::EndpointId;
use clipmill_shared::outbound::OutboundConfig;
use clipmill_shared::secret::WebhookSecret;
use clipmill_shared::vault::rotation::{self, Rotated, Table};
use clipmill_shared::vault::{MasterKey, Place, Sealed, Vault, VaultConfig};
use clipmill_tests::log::Log;
use clipmill_tests::process::{binary, until};
use clipmill_tests::server::{small, text};
use clipmill_tests::setup::sealed_with;
use clipmill_tests::{Receiver, Server, Setup};
use clipmill_worker::{Env, notify};
use reqwest::StatusCode;
use serde_json::{Value, json};
use sqlx::AssertSqlSafe;
use tokio::process::Command;
use uuid::Uuid;

/// A service that stores secrets as they are.
async fn without_a_key() -> Server {
    Server::with(Setup { secrets: VaultConfig::default(), ..Setup::default() }).await
}

fn vault<const N: usize>(keys: [&MasterKey; N]) -> Vault {
    Vault::new(Vec::from(keys.map(MasterKey::clone)))
}

/// A worker of the same service that has these master keys.
fn worker(server: &Server, vault: Vault) -> Arc<Env> {
    let outbound = OutboundConfig::unguarded();
    let (pool, storage, engines) = (server.pool.clone(), server.storage.clone(), server.env.engines.clone());
    let env = Env::new(pool, storage, vault, engines, server.env.config.clone(), &outbound, server.env.stop.clone());
    Arc::new(env.unwrap())
}

/// Runs `clipmill-api secrets` with these master keys, and says whether it went well and what it printed.
async fn secrets<const N: usize>(server: &Server, command: &str, keys: [&MasterKey; N]) -> (bool, String) {
    let mut program = Command::new(binary("clipmill-api"));
    program.args(["secrets", command]).env("DATABASE_URL", &server.database_url);
    if N > 0 {
        let keys = sealed_with(keys.map(MasterKey::clone)).master_keys.unwrap();
        program.env("CLIPMILL_MASTER_KEYS", keys.reveal());
    }
    let output = program.output().await.unwrap();
    (output.status.success(), String::from_utf8([output.stdout, output.stderr].concat()).unwrap())
}

fn path(endpoint: &Value) -> String {
    format!("/v1/webhook_endpoints/{}", text(&endpoint["id"]))
}

fn secret(endpoint: &Value) -> WebhookSecret {
    WebhookSecret::parse(text(&endpoint["signing_secret"])).unwrap()
}

async fn rotate_keeping_the_old(server: &Server, endpoint: &Value) -> Value {
    let keep = json!({ "keep_old_secret_active_for_24_hours": true });
    server.post(&format!("{}/rotate_secret", path(endpoint)), keep).await.1
}

/// Submits a job whose own address is told too, and calls it off, which is an event.
async fn cancelled(server: &Server, receiver: &Receiver) {
    let mut body = small();
    body["webhook_url"] = json!(receiver.url());
    let job = server.submit(body).await;
    server.post(&format!("/v1/videos/{}/cancel", text(&job["id"])), Value::Null).await;
}

/// Every row of every table as text.
async fn dump(server: &Server) -> String {
    let tables = "select format('%I.%I', schemaname, tablename) from pg_tables where schemaname = 'public'";
    let tables: Vec<String> = sqlx::query_scalar(tables).fetch_all(&server.pool).await.unwrap();
    assert!(tables.iter().any(|table| table == "public.accounts"), "{tables:?}");
    let mut text = String::new();
    for table in tables {
        let rows = sqlx::query_scalar::<_, String>(AssertSqlSafe(format!("select one::text from {table} as one")));
        text.extend(rows.fetch_all(&server.pool).await.unwrap());
    }
    text
}

/// Whether the secret stands in a dump, as bytea is written there or in the form in which its owner has it.
fn holds(dump: &str, secret: &WebhookSecret) -> bool {
    let hex: String = secret.bytes().iter().map(|byte| format!("{byte:02x}")).collect();
    dump.contains(&hex) || dump.contains(secret.reveal().strip_prefix("whsec_").unwrap())
}

/// Makes an account's worth of secrets: its own, an endpoint's, and the one before that. Webhooks are sent with all of them.
async fn secrets_in_use(server: &Server) -> Vec<WebhookSecret> {
    let receiver = Receiver::answering([500]).await;
    let made = server.endpoint(json!({ "name": "one", "url": receiver.url() })).await;
    let rotated = rotate_keeping_the_old(server, &made).await;
    cancelled(server, &receiver).await;
    assert_eq!(server.notify().await, 2);
    let test = json!({ "event_type": "video.completed" });
    let (_, tested) = server.post(&format!("{}/test", path(&made)), test).await;
    assert_eq!(tested["success"], true);
    let secrets = vec![server.webhook_secret.clone(), secret(&made), secret(&rotated)];
    for message in receiver.messages() {
        assert!(secrets.iter().any(|secret| message.is_genuine(secret)));
    }
    secrets
}

#[tokio::test]
async fn the_whole_database_holds_no_secret_that_is_in_use() {
    let server = Server::start().await;
    let secrets = secrets_in_use(&server).await;
    let sealed = dump(&server).await;
    assert!(!secrets.iter().any(|secret| holds(&sealed, secret)));

    let open = without_a_key().await;
    let secrets = secrets_in_use(&open).await;
    let plain = dump(&open).await;
    assert!(secrets.iter().all(|secret| holds(&plain, secret)), "without a key they would be found");
    let key = MasterKey::generate();
    assert!(self::secrets(&open, "rotate", [&key]).await.0);
    let sealed = dump(&open).await;
    assert!(!secrets.iter().any(|secret| holds(&sealed, secret)));
}

/// Endpoints, and who they say they are.
struct Receivers {
    alone: (Receiver, WebhookSecret),
    overlapping: (Receiver, WebhookSecret, WebhookSecret),
}

impl Receivers {
    /// Two endpoints, one of them in the overlap of a rotation: with the account's, four secrets.
    async fn start(server: &Server) -> Self {
        let (one, other) = (Receiver::answering([]).await, Receiver::answering([]).await);
        let made = server.endpoint(json!({ "name": "one", "url": one.url() })).await;
        let before = server.endpoint(json!({ "name": "other", "url": other.url() })).await;
        let after = rotate_keeping_the_old(server, &before).await;
        Self { alone: (one, secret(&made)), overlapping: (other, secret(&before), secret(&after)) }
    }

    /// Something happens, and a worker with this vault tells all of it.
    async fn are_told_by(&self, server: &Server, vault: Vault) {
        let single = Receiver::answering([]).await;
        cancelled(server, &single).await;
        assert_eq!(notify::step(&worker(server, vault)).await.unwrap(), 3);
        assert!(single.messages()[0].is_genuine(&server.webhook_secret));
        assert!(self.alone.0.messages().pop().unwrap().is_genuine(&self.alone.1));
        let message = self.overlapping.0.messages().pop().unwrap();
        assert!(message.is_genuine(&self.overlapping.1) && message.is_genuine(&self.overlapping.2));
        assert_eq!(self.alone.0.messages().len(), self.overlapping.0.messages().len());
    }
}

#[tokio::test]
async fn secrets_come_under_a_key_and_on_to_another_while_webhooks_go_out() {
    let server = without_a_key().await;
    let receivers = Receivers::start(&server).await;
    let (a, b) = (MasterKey::generate(), MasterKey::generate());
    receivers.are_told_by(&server, Vault::default()).await;
    receivers.are_told_by(&server, vault([&a])).await;

    // Broken off after one row.
    let step = rotation::step(&server.pool, &vault([&a]), Table::Endpoints, Uuid::nil(), 1).await.unwrap().unwrap();
    assert_eq!((step.rotated, step.missed), (Rotated { sealed: 1, ..Rotated::default() }, false));
    receivers.are_told_by(&server, vault([&a])).await;
    let (ok, printed) = secrets(&server, "rotate", [&a]).await;
    assert!(ok && printed.contains("sealed      3") && printed.contains("re-wrapped  0"), "{printed}");
    receivers.are_told_by(&server, vault([&a])).await;

    let after = step.last;
    let step = rotation::step(&server.pool, &vault([&b, &a]), Table::Endpoints, after, 1).await.unwrap().unwrap();
    assert_eq!(step.rotated, Rotated { rewrapped: 2, ..Rotated::default() });
    receivers.are_told_by(&server, vault([&b, &a])).await;
    let (ok, printed) = secrets(&server, "check", [&b, &a]).await;
    assert!(ok && printed.contains(&format!("{}  2  still needed", a.id())), "{printed}");
    assert!(!secrets(&server, "check", [&b]).await.0, "the old key may not go yet");
    let (ok, printed) = secrets(&server, "rotate", [&b, &a]).await;
    assert!(ok && printed.contains("sealed      0") && printed.contains("re-wrapped  2"), "{printed}");
    let (_, printed) = secrets(&server, "check", [&b, &a]).await;
    assert!(printed.contains(&format!("{}  0  may be dropped", a.id())), "{printed}");
    assert!(printed.contains(&format!("{}  4  seals", b.id())) && printed.contains("not sealed        0"), "{printed}");
    receivers.are_told_by(&server, vault([&b])).await;
    assert_eq!(rotation::rotate(&server.pool, &vault([&b])).await.unwrap(), Rotated::default(), "all is done");
}

#[tokio::test]
async fn a_secret_that_its_owner_rotates_meanwhile_is_not_overwritten() {
    let server = without_a_key().await;
    let made = server.endpoint(json!({ "name": "one", "url": "https://example.com/" })).await;
    let key = MasterKey::generate();
    let (new, mut owner) = (vec![7_u8; 32], server.pool.begin().await.unwrap());
    let rotate =
        "update webhook_endpoints set previous_secret = secret, previous_until = now() + interval '1 day', secret = $1";
    sqlx::query(rotate).bind(&new).execute(&mut *owner).await.unwrap();

    let (pool, vault) = (server.pool.clone(), vault([&key]));
    let operator = {
        let (pool, vault) = (pool.clone(), vault.clone());
        tokio::spawn(async move { rotation::step(&pool, &vault, Table::Endpoints, Uuid::nil(), 10).await })
    };
    let waiting =
        "select count(*) from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'";
    let waits = async || sqlx::query_scalar::<_, i64>(waiting).fetch_one(&server.pool).await.unwrap() == 1;
    until("the operator's statement behind the owner's", waits).await;
    owner.commit().await.unwrap();

    let step = operator.await.unwrap().unwrap().unwrap();
    assert_eq!((step.rotated, step.missed), (Rotated::default(), true));
    let rotated = rotation::rotate(&pool, &vault).await.unwrap();
    assert_eq!(rotated, Rotated { sealed: 3, ..Rotated::default() }, "the account's and both of the endpoint");
    let secrets = "select secret, previous_secret from webhook_endpoints";
    let (now, before): (Sealed, Sealed) = sqlx::query_as(secrets).fetch_one(&pool).await.unwrap();
    let id: EndpointId = text(&made["id"]).parse().unwrap();
    assert_eq!(vault.open(Place::Endpoint, id.uuid(), &now).unwrap(), new);
    assert_eq!(vault.open(Place::Endpoint, id.uuid(), &before).unwrap(), secret(&made).bytes());
}

#[tokio::test]
async fn a_webhook_that_cannot_be_signed_waits_for_the_key_and_costs_no_try() {
    let server = Server::start().await;
    let receiver = Receiver::answering([]).await;
    let made = server.endpoint(json!({ "name": "one", "url": receiver.url() })).await;
    cancelled(&server, &receiver).await;
    let (log, poor) = (Log::begin(), worker(&server, vault([&MasterKey::generate()])));
    assert_eq!(notify::step(&poor).await.unwrap(), 2);
    assert_eq!(notify::step(&poor).await.unwrap(), 0, "they rest");
    let missing = server.env.vault.keys().next().unwrap().to_string();
    assert_eq!(log.text().matches(&missing).count(), 2, "an operator can read which key is missing");
    assert!((15.0..=30.0).contains(&pause(&server).await));

    for (ago, seconds) in [("2 minutes", 120.0), ("3 days", 600.0)] {
        let events = format!("update events set created_at = now() - interval '{ago}'");
        sqlx::query(AssertSqlSafe(events)).execute(&server.pool).await.unwrap();
        server.age_timers().await;
        assert_eq!(notify::step(&poor).await.unwrap(), 2);
        assert!((seconds - 15.0..=seconds + 5.0).contains(&pause(&server).await), "{ago}");
    }
    assert!(receiver.messages().is_empty());
    let (_, page) = server.get(&format!("{}/deliveries", path(&made))).await;
    assert_eq!(page["data"][0]["attempts"], json!([]), "the endpoint is not at fault");

    server.age_timers().await;
    assert_eq!(server.notify().await, 2);
    let messages = receiver.messages();
    assert!(messages.iter().any(|message| message.is_genuine(&secret(&made))));
    assert!(messages.iter().any(|message| message.is_genuine(&server.webhook_secret)));
    let tries: Vec<(i32, bool)> =
        sqlx::query_as("select attempt, delivered from deliveries").fetch_all(&server.pool).await.unwrap();
    assert_eq!(tries, [(1, true), (1, true)]);
}

/// Seconds until the next delivery is due.
async fn pause(server: &Server) -> f64 {
    let pause = "select extract(epoch from min(due_at) - now())::float8 from deliveries where settled_at is null";
    sqlx::query_scalar(pause).fetch_one(&server.pool).await.unwrap()
}

#[tokio::test]
async fn a_secret_that_does_not_open_is_never_used_and_its_owner_can_make_another() {
    let server = Server::start().await;
    let receiver = Receiver::answering([]).await;
    let one = server.endpoint(json!({ "name": "one", "url": receiver.url() })).await;
    let other =
        server.endpoint(json!({ "name": "other", "url": receiver.url(), "event_types": ["video.failed"] })).await;
    let id = |endpoint: &Value| text(&endpoint["id"]).parse::<EndpointId>().unwrap().uuid();
    let copy =
        "update webhook_endpoints set secret = (select secret from webhook_endpoints where id = $1) where id = $2";
    sqlx::query(copy).bind(id(&one)).bind(id(&other)).execute(&server.pool).await.unwrap();

    let test = json!({ "event_type": "video.failed" });
    for (status, body) in [
        server.get(&path(&other)).await,
        server.get("/v1/webhook_endpoints").await,
        server.post(&format!("{}/test", path(&other)), test.clone()).await,
    ] {
        assert_eq!((status, &body["error"]["code"]), (StatusCode::SERVICE_UNAVAILABLE, &json!("unavailable")));
    }
    assert!(receiver.messages().is_empty());
    assert_eq!(server.get(&path(&one)).await.0, StatusCode::OK);
    let (status, rotated) = server.post(&format!("{}/rotate_secret", path(&other)), json!({})).await;
    assert_eq!(status, StatusCode::OK);
    server.post(&format!("{}/test", path(&other)), test).await;
    assert!(receiver.messages()[0].is_genuine(&secret(&rotated)));
}

#[tokio::test]
async fn an_operator_makes_keys_and_is_told_what_is_wrong_with_them() {
    let server = Server::start().await;
    let generated = Command::new(binary("clipmill-api"))
        .args(["secrets", "generate"])
        .env_remove("DATABASE_URL")
        .output()
        .await
        .unwrap();
    let generated = String::from_utf8(generated.stdout).unwrap();
    assert!(generated.trim().parse::<MasterKey>().is_ok(), "no database is needed");

    let (ok, printed) = secrets(&server, "rotate", []).await;
    assert!(!ok && printed.contains("there is no master key"), "{printed}");
    let other = MasterKey::generate();
    let (ok, printed) = secrets(&server, "rotate", [&other]).await;
    assert!(!ok && printed.contains("failed      1") && printed.contains("is missing"), "{printed}");
    let (ok, printed) = secrets(&server, "check", [&other]).await;
    let missing = server.env.vault.keys().next().unwrap();
    assert!(!ok && printed.contains(&format!("{missing}  1  missing")), "{printed}");
    assert!(!printed.contains(&other.reveal()) && !holds(&printed, &server.webhook_secret));
}
