//! What a connection is like that comes back from somebody who was given up.

use clipmill_shared::db::{self, DatabaseUrl, DbConfig};
use clipmill_tests::Server;

#[tokio::test]
async fn a_transaction_that_was_given_up_at_any_moment_is_not_left_open() {
    let server = Server::start().await;
    let url: DatabaseUrl = server.database_url.parse().unwrap();
    let pool = db::connect(&DbConfig { database_connections: 1, ..url.config() }).await.unwrap();
    for turns in 0..200 {
        let patience = async {
            for _ in 0..turns {
                tokio::task::yield_now().await;
            }
        };
        tokio::select! {
            biased;
            begun = db::begin(&pool) => drop(begun.unwrap()),
            () = patience => {}
        }
        // Postgres refuses this inside of a transaction.
        sqlx::raw_sql("vacuum shares").execute(&pool).await.unwrap();
    }
}
