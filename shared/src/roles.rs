//! A Postgres role for each service, with the rights that it needs and no others: see `roles.sql`.

use sqlx::PgPool;
use tracing::warn;

/// What the API acts as.
pub const API: &str = "clipmill_api";
/// What a worker acts as.
pub const WORKER: &str = "clipmill_worker";

/// Makes the roles, if there are none, and gives them their rights in this database. Where whoever migrates may not make roles, that is
/// said in the log, and services go on under their own login.
pub async fn grant(pool: &PgPool) -> Result<(), sqlx::Error> {
    const INSUFFICIENT_PRIVILEGE: &str = "42501";
    let mut tx = crate::db::begin(pool).await?;
    // Roles are the cluster's, and several may migrate at the same time.
    sqlx::query!("select pg_advisory_xact_lock(hashtextextended('clipmill roles', 0))").execute(&mut *tx).await?;
    match sqlx::raw_sql(include_str!("roles.sql")).execute(&mut *tx).await {
        Ok(_) => tx.commit().await,
        Err(sqlx::Error::Database(error)) if error.code().as_deref() == Some(INSUFFICIENT_PRIVILEGE) => {
            warn!(
                "May not make the roles clipmill_api and clipmill_worker: have a superuser run migrate once, or make them, \
                 grant them to this login and run migrate again"
            );
            Ok(())
        }
        Err(error) => Err(error),
    }
}
