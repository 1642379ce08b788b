//! Questions of many callers, answered by one statement.

use clipmill_shared::batch::Batcher;
use clipmill_shared::db::{self, DatabaseUrl, DbConfig, Error};
use clipmill_tests::Server;
use sqlx::PgConnection;
use tokio::task::JoinSet;

/// Divides a thousand by each number, and says how many there were.
async fn divide(connection: &mut PgConnection, numbers: &[i32]) -> Result<Vec<(i32, usize)>, Error> {
    let quotients =
        sqlx::query_scalar("select 1000 / number from unnest($1) with ordinality as asked (number, nth) order by nth");
    let quotients: Vec<i32> = quotients.bind(numbers).fetch_all(connection).await?;
    Ok(quotients.into_iter().map(|quotient| (quotient, numbers.len())).collect())
}

#[tokio::test]
async fn questions_that_come_together_are_answered_together_and_each_gets_its_own_answer() {
    let server = Server::start().await;
    let batcher = Batcher::new(server.pool.clone(), 8, |connection, numbers| Box::pin(divide(connection, numbers)));
    let mut asked = JoinSet::new();
    for number in 1..=32 {
        let batcher = batcher.clone();
        asked.spawn(async move { (number, batcher.ask(number).await.expect("an answer")) });
    }
    let answers = asked.join_all().await;
    assert!(answers.iter().all(|(number, (quotient, _))| *quotient == 1000 / number), "{answers:?}");
    assert!(answers.iter().any(|(_, (_, size))| *size > 1) && answers.iter().all(|(_, (_, size))| *size <= 8));
}

#[tokio::test]
async fn a_statement_that_failed_leaves_its_callers_unanswered_and_serves_the_next() {
    let server = Server::start().await;
    let batcher = Batcher::new(server.pool.clone(), 8, |connection, numbers| Box::pin(divide(connection, numbers)));
    assert!(batcher.ask(0).await.is_err());
    assert_eq!(batcher.ask(10).await.unwrap().0, 100);
    // A connection that is lost between two questions costs one answer at most.
    let ended: Vec<bool> = sqlx::query_scalar(
        "select pg_terminate_backend(pid) from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid()",
    )
    .fetch_all(&server.pool)
    .await
    .unwrap();
    assert!(ended.contains(&true));
    let _ = batcher.ask(10).await;
    assert_eq!(batcher.ask(20).await.unwrap().0, 50);
}

#[tokio::test]
async fn a_batcher_that_is_asked_without_end_leaves_its_last_connection_to_others_too() {
    let server = Server::start().await;
    let url: DatabaseUrl = server.database_url.parse().unwrap();
    let pool = db::connect(&DbConfig { database_connections: 1, ..url.config() }).await.unwrap();
    let batcher = Batcher::new(pool.clone(), 8, |connection, numbers| Box::pin(divide(connection, numbers)));
    let mut asking = JoinSet::new();
    for _ in 0..16 {
        let batcher = batcher.clone();
        asking.spawn(async move {
            loop {
                batcher.ask(1).await.expect("an answer");
            }
        });
    }
    for _ in 0..20 {
        let one: i32 = sqlx::query_scalar("select 1").fetch_one(&pool).await.expect("a turn on the connection");
        assert_eq!(one, 1);
    }
    assert!(asking.try_join_next().is_none(), "everybody was answered");
}

#[tokio::test]
async fn a_batcher_that_nobody_asks_holds_no_connection() {
    let server = Server::start().await;
    let url: DatabaseUrl = server.database_url.parse().unwrap();
    let pool = db::connect(&DbConfig { database_connections: 4, ..url.config() }).await.unwrap();
    let batcher = Batcher::new(pool.clone(), 8, |connection, numbers| Box::pin(divide(connection, numbers)));
    let most = pool.options().get_max_connections();
    for _ in 0..most {
        assert!(batcher.ask(1).await.is_ok());
    }
    let mut all = Vec::new();
    for _ in 0..most {
        all.push(pool.acquire().await.expect("a connection that nobody holds"));
    }
}
