//! What the subjects share: a Postgres that keeps what it commits, a store, Node's packages, and how much to measure.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, ensure};
use clipmill::embedded::{Options, Postgres, Store};
use clipmill_shared::db::{self, DatabaseUrl, DbConfig, PgPool};
use clipmill_shared::storage::{DEFAULT_BUCKET, Storage};
use clipmill_tests::cluster::with_database;
use clipmill_tests::shared::{environment_of, storage_of};
use sqlx::{AssertSqlSafe, Connection as _, PgConnection};
use tokio::sync::OnceCell;

use crate::node::Node;
use crate::sizes::Sizes;

/// What the subjects share. Each part starts when it is first asked for.
pub(crate) struct Bench {
    /// How much to measure.
    pub(crate) sizes: Sizes,
    folder: PathBuf,
    postgres: OnceCell<Postgres>,
    store: OnceCell<Store>,
    node: OnceCell<Option<Node>>,
}

/// A database of its own on the shared server.
pub(crate) struct Database {
    /// Where it is.
    pub(crate) url: String,
    /// Twenty connections to it.
    pub(crate) pool: PgPool,
}

impl Database {
    /// More connections to it.
    pub(crate) async fn connect(&self, connections: u32) -> Result<PgPool> {
        connect(&self.url, connections).await
    }
}

async fn connect(url: &str, connections: u32) -> Result<PgPool> {
    let url: DatabaseUrl = url.parse().map_err(anyhow::Error::msg)?;
    let config = DbConfig { database_connections: connections, ..url.config() };
    db::connect(&config).await.context("cannot reach the database")
}

impl Bench {
    /// Keeps cluster, objects and packages in `folder`.
    pub(crate) fn new(sizes: Sizes, folder: &Path) -> Result<Self> {
        std::fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))?;
        let folder = folder.canonicalize()?;
        Ok(Self { sizes, folder, postgres: OnceCell::new(), store: OnceCell::new(), node: OnceCell::new() })
    }

    /// Where results and parts are kept.
    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }

    async fn postgres(&self) -> Result<&Postgres> {
        let start = async || {
            eprintln!("Starting a Postgres that syncs every commit");
            let postgres = Postgres::start(&self.folder.join("cluster"), Options { fsync: true }).await?;
            keeps_what_it_commits(&postgres).await?;
            anyhow::Ok(postgres)
        };
        self.postgres.get_or_try_init(start).await
    }

    /// A fresh database without anything in it.
    pub(crate) async fn empty_database(&self, name: &str) -> Result<Database> {
        self.remove(name).await?;
        self.administer(format!("create database {name}")).await?;
        let url = with_database(self.postgres().await?.url(), name);
        Ok(Database { pool: connect(&url, 20).await?, url })
    }

    /// A fresh database with our schema.
    pub(crate) async fn database(&self, name: &str) -> Result<Database> {
        let database = self.empty_database(name).await?;
        db::migrate(&database.pool).await?;
        Ok(database)
    }

    /// Removes a database that takes much room.
    pub(crate) async fn remove(&self, name: &str) -> Result<()> {
        self.administer(format!("drop database if exists {name} with (force)")).await
    }

    /// Removes every database, so that what happened in them burdens nothing that is measured next.
    pub(crate) async fn clear(&self) -> Result<()> {
        let Some(postgres) = self.postgres.get() else { return Ok(()) };
        let mut admin = PgConnection::connect(postgres.url()).await?;
        let names = sqlx::query_scalar("select datname::text from pg_database where datname like 'bench\\_%'");
        let names: Vec<String> = names.fetch_all(&mut admin).await?;
        for name in names {
            self.remove(&name).await?;
        }
        Ok(())
    }

    async fn administer(&self, statement: String) -> Result<()> {
        let mut admin = PgConnection::connect(self.postgres().await?.url()).await?;
        sqlx::query(AssertSqlSafe(statement)).execute(&mut admin).await?;
        Ok(())
    }

    async fn store(&self) -> Result<&Store> {
        let listen = SocketAddr::from(([127, 0, 0, 1], 0));
        let start = async || Store::start(&self.folder.join("objects"), listen, &[DEFAULT_BUCKET]).await;
        self.store.get_or_try_init(start).await
    }

    /// The bucket of an S3 server in this process.
    pub(crate) async fn storage(&self) -> Result<Storage> {
        Ok(Storage::open(&storage_of(self.store().await?)).await)
    }

    /// The environment in which our programs find a database and the store.
    pub(crate) async fn environment(&self, database: &Database) -> Result<Vec<(&'static str, String)>> {
        Ok(environment_of(self.store().await?, &database.url))
    }

    /// Node with graphile-worker, if it is to be had.
    pub(crate) async fn node(&self) -> Option<&Node> {
        let install = async || match self.sizes.no_node {
            true => None,
            false => Node::install(&self.folder.join("node")).await.inspect_err(left_out).ok(),
        };
        self.node.get_or_init(install).await.as_ref()
    }

    /// Ends the server in order.
    pub(crate) async fn stop(self) -> Result<()> {
        match self.postgres.into_inner() {
            Some(postgres) => postgres.stop().await,
            None => Ok(()),
        }
    }
}

fn left_out(error: &anyhow::Error) {
    eprintln!("Comparisons with graphile-worker, the footprint among them, are left out: {error:#}");
}

async fn keeps_what_it_commits(postgres: &Postgres) -> Result<()> {
    let mut connection = PgConnection::connect(postgres.url()).await?;
    for setting in ["fsync", "synchronous_commit", "full_page_writes"] {
        let shown = sqlx::query_scalar::<_, String>(AssertSqlSafe(format!("show {setting}")));
        let value = shown.fetch_one(&mut connection).await?;
        ensure!(value == "on", "{setting} is {value}: commits would cost less than they do");
    }
    Ok(())
}
