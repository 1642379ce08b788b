//! The connection to Postgres, and the migrations.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use sqlx::migrate::Migrator;
use sqlx::postgres::{PgConnectOptions, PgPoolOptions, PgSslMode};
use sqlx::{Connection as _, Postgres};

use crate::{host, roles};

pub use sqlx::{Error, PgConnection as Connection, PgPool};

/// The schema, in order.
pub static MIGRATIONS: Migrator = sqlx::migrate!("../migrations");

const DEFAULT_CONNECTIONS: u32 = 16;
/// A connection that rested for less is taken to live: to ask is a round trip before every statement, and under load there is
/// hardly a rest. After a longer one the server may have gone and come back.
pub(crate) const FRESH: Duration = Duration::from_millis(5);

/// How to reach Postgres.
#[derive(Debug, Clone, clap::Args)]
pub struct DbConfig {
    /// Postgres to use, as postgres://user:password@host:port/database
    #[arg(long, env = "DATABASE_URL", hide_env_values = true)]
    pub database_url: DatabaseUrl,
    /// Most connections that this process opens
    #[arg(long, env = "CLIPMILL_DATABASE_CONNECTIONS", default_value_t = DEFAULT_CONNECTIONS, value_parser = clap::value_parser!(u32).range(4..=1000))]
    pub database_connections: u32,
    /// Role that this process acts as, with the rights that it needs and no others: clipmill_api or clipmill_worker, which
    /// `clipmill-api migrate` makes; the login itself if unset
    #[arg(long, env = "CLIPMILL_DATABASE_ROLE")]
    pub database_role: Option<String>,
}

impl DbConfig {
    /// The same, acting as this role.
    #[must_use]
    pub fn acting_as(self, role: &str) -> Self {
        Self { database_role: Some(role.to_owned()), ..self }
    }
}

/// A Postgres URL. It may hold a password, so its `Debug` shows nothing.
#[derive(Clone)]
pub struct DatabaseUrl(String);

impl DatabaseUrl {
    /// Settings that reach this database with the usual number of connections.
    pub fn config(self) -> DbConfig {
        DbConfig { database_url: self, database_connections: DEFAULT_CONNECTIONS, database_role: None }
    }
}

impl FromStr for DatabaseUrl {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        PgConnectOptions::from_str(text).map(|_| Self(text.to_owned())).map_err(|_| "not a postgres:// URL".to_owned())
    }
}

impl fmt::Debug for DatabaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("DatabaseUrl(…)")
    }
}

/// Whether what goes to Postgres and comes back may cross a network unencrypted: the server is elsewhere, and the URL does not insist
/// on TLS.
pub fn in_the_clear(config: &DbConfig) -> bool {
    let Ok(options) = PgConnectOptions::from_str(&config.database_url.0) else { return false };
    let is_here =
        options.get_socket().is_some() || options.get_host().starts_with('/') || host::is_here(options.get_host());
    let is_encrypted = match options.get_ssl_mode() {
        PgSslMode::Require | PgSslMode::VerifyCa | PgSslMode::VerifyFull => true,
        PgSslMode::Disable | PgSslMode::Allow | PgSslMode::Prefer => false,
    };
    !is_here && !is_encrypted
}

/// Opens the pool and makes one connection, so that a wrong address shows at start-up. A statement that waits for a lock
/// gives up after some seconds, before its caller does. Statements are planned once a connection: each of them is written for
/// its indexes, and planning a claim anew for its arguments takes five times as long as the claim.
pub async fn connect(config: &DbConfig) -> Result<PgPool, Error> {
    let settings = [("lock_timeout", "5s"), ("plan_cache_mode", "force_generic_plan")];
    let role = config.database_role.as_deref().map(|role| ("role", role));
    let options = PgConnectOptions::from_str(&config.database_url.0)?.options(settings).options(role);
    PgPoolOptions::new()
        .max_connections(config.database_connections)
        .acquire_timeout(Duration::from_secs(5))
        .test_before_acquire(false)
        .before_acquire(|connection, known| {
            Box::pin(async move { Ok(known.idle_for < FRESH || connection.ping().await.is_ok()) })
        })
        .connect_with(options)
        .await
}

/// A transaction under way; it is undone unless it is committed.
pub type Transaction = sqlx::Transaction<'static, Postgres>;

/// Begins a transaction, in a task of its own. Were the caller given up while BEGIN is on its way, as when a client hangs up, the
/// pool would get a connection back with a transaction open that nobody knows of, and what is written there next would never be
/// committed.
pub async fn begin(pool: &PgPool) -> Result<Transaction, Error> {
    let pool = pool.clone();
    tokio::spawn(async move { pool.begin().await }).await.unwrap_or(Err(Error::WorkerCrashed))
}

/// Gives a statement ten seconds. A connection whose other end vanished without a word would hold its caller for the
/// quarter of an hour that the kernel goes on trying.
pub async fn within<T, E: From<Error>>(work: impl Future<Output = Result<T, E>>) -> Result<T, E> {
    const PATIENCE: Duration = Duration::from_secs(10);
    tokio::time::timeout(PATIENCE, work).await.unwrap_or_else(|_| Err(Error::PoolTimedOut.into()))
}

/// Brings the schema up to date, and the roles of the services with it. Safe to call from several processes at once.
pub async fn migrate(pool: &PgPool) -> Result<(), sqlx::migrate::MigrateError> {
    MIGRATIONS.run(pool).await?;
    Ok(roles::grant(pool).await?)
}

/// Whether Postgres answers and has the schema that this build needs.
pub async fn check(pool: &PgPool) -> Result<(), String> {
    let newest = MIGRATIONS.iter().map(|migration| migration.version).max().unwrap_or(0);
    let applied = sqlx::query_scalar!(r#"select max(version) as "version" from _sqlx_migrations where success"#)
        .fetch_one(pool)
        .await
        .map_err(|error| {
            if is_missing_table(&error) { "the schema is missing: run migrate".into() } else { "no answer".to_owned() }
        })?;
    match applied {
        Some(version) if version >= newest => Ok(()),
        _ => Err("the schema is older than this build: run migrate".to_owned()),
    }
}

fn is_missing_table(error: &Error) -> bool {
    const UNDEFINED_TABLE: &str = "42P01";
    error.as_database_error().and_then(|error| error.code()).is_some_and(|code| code == UNDEFINED_TABLE)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_elsewhere_is_in_the_clear_unless_tls_is_insisted_on() {
        for (url, expected) in [
            ("postgres://clipmill:secret@db.example/clipmill", true),
            ("postgres://db.example/clipmill?sslmode=prefer", true),
            ("postgres://db.example/clipmill?sslmode=disable", true),
            ("postgres://10.0.0.5:5432/clipmill", true),
            ("postgres://db.example/clipmill?sslmode=require", false),
            ("postgres://db.example/clipmill?sslmode=verify-ca", false),
            ("postgres://db.example/clipmill?sslmode=verify-full", false),
            ("postgres://localhost/clipmill", false),
            ("postgres://127.0.0.1:5432/clipmill?sslmode=disable", false),
            ("postgres://[::1]/clipmill", false),
            ("postgres:///clipmill?host=/var/run/postgresql", false),
            ("postgres://%2Fvar%2Frun%2Fpostgresql/clipmill", false),
        ] {
            let config = url.parse::<DatabaseUrl>().expect("a Postgres URL").config();
            assert_eq!(in_the_clear(&config), expected, "{url}");
        }
    }
}
