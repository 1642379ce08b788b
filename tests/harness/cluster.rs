//! A Postgres cluster for tests: a template with the schema in it, of which every test gets a copy.

use std::path::Path;

use clipmill::embedded::{Options, Postgres};
use sqlx::{AssertSqlSafe, Connection as _, PgConnection};
use tempfile::TempDir;
use tokio::sync::Mutex;
use uuid::Uuid;

use crate::proxy::Proxy;

const TEMPLATE: &str = "clipmill_template";
const FAST: Options = Options { fsync: false };

/// A cluster of one's own that may be restarted and crashed, at an address that stays.
#[derive(Debug)]
pub struct Cluster {
    folder: TempDir,
    front: Proxy,
    url: String,
    postgres: Mutex<Option<Postgres>>,
}

impl Cluster {
    /// Starts a new one.
    pub async fn start() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let postgres = start(folder.path()).await;
        let front = Proxy::to(host(postgres.url())).await;
        let url = postgres.url().replace(host(postgres.url()), &front.address());
        Self { folder, front, url, postgres: Mutex::new(Some(postgres)) }
    }

    /// A fresh database with the schema in it.
    pub async fn database(&self) -> String {
        database(&self.url).await
    }

    /// Stops the server in order, which sends every client away, and starts it again.
    pub async fn restart(&self) {
        let mut postgres = self.postgres.lock().await;
        if let Some(running) = postgres.take() {
            // A server that was just crashed may not end well, and is recovered all the same.
            let _ = running.stop().await;
        }
        let fresh = Postgres::start(self.folder.path(), FAST).await.expect("Postgres starts again");
        self.front.lead_to(host(fresh.url()));
        *postgres = Some(fresh);
    }
}

/// Starts a cluster in a folder, and makes its template.
pub(crate) async fn start(folder: &Path) -> Postgres {
    let postgres = Postgres::start(folder, FAST).await.expect("Postgres starts");
    prepare_template(postgres.url()).await.expect("the template database");
    postgres
}

async fn prepare_template(url: &str) -> anyhow::Result<()> {
    let mut admin = PgConnection::connect(url).await?;
    let old: Vec<String> =
        sqlx::query_scalar("select datname::text from pg_database where datname like 'clipmill\\_%'")
            .fetch_all(&mut admin)
            .await?;
    for name in old {
        sqlx::query(AssertSqlSafe(format!("drop database \"{name}\" with (force)"))).execute(&mut admin).await?;
    }
    sqlx::query(AssertSqlSafe(format!("create database {TEMPLATE}"))).execute(&mut admin).await?;
    let pool = sqlx::PgPool::connect(&with_database(url, TEMPLATE)).await?;
    clipmill_shared::db::migrate(&pool).await?;
    pool.close().await;
    Ok(())
}

/// A fresh database on the cluster at `url`.
pub(crate) async fn database(url: &str) -> String {
    // Postgres copies a template for one at a time.
    static TURN: Mutex<()> = Mutex::const_new(());
    let _turn = TURN.lock().await;
    let name = format!("clipmill_{}", Uuid::now_v7().simple());
    let mut admin = PgConnection::connect(url).await.expect("Postgres answers");
    let create = format!("create database {name} template {TEMPLATE}");
    sqlx::query(AssertSqlSafe(create)).execute(&mut admin).await.expect("a database");
    with_database(url, &name)
}

/// The URL of another database on the same server.
pub fn with_database(url: &str, name: &str) -> String {
    let (server, _) = url.rsplit_once('/').expect("a URL with a database");
    format!("{server}/{name}")
}

/// The host and port in a Postgres URL.
pub fn host(url: &str) -> &str {
    let (_, rest) = url.rsplit_once('@').expect("a URL with a password");
    rest.split_once('/').expect("a URL with a database").0
}
