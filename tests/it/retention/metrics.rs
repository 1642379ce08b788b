use clipmill_shared::jobs::removal;
use clipmill_tests::Server;

use crate::fault::store::refused;

#[tokio::test]
async fn timers_that_are_due_and_those_that_the_store_refuses_are_counted() {
    let server = Server::start().await;
    server.completed().await;
    let quiet = removal::backlog(&server.api).await.unwrap();
    assert_eq!((quiet.due, quiet.failing, quiet.oldest_seconds), (0, 0, 0.0));
    sqlx::query("update removals set due_at = now() - interval '1 hour'").execute(&server.pool).await.unwrap();
    let due = removal::backlog(&server.api).await.unwrap();
    assert_eq!((due.due, due.failing), (1, 0));
    assert!((3600.0..3700.0).contains(&due.oldest_seconds), "{due:?}");
    let refused = refused(&server).await;
    clipmill_worker::expire::step(&refused).await.unwrap();
    let failing = removal::backlog(&server.api).await.unwrap();
    assert_eq!((failing.due, failing.failing), (0, 1), "put off, and not forgotten");
    let (_, text) = server.get("/metrics").await;
    let text = text.as_str().unwrap();
    for gauge in ["clipmill_removals_due ", "clipmill_removals_failing ", "clipmill_removals_oldest_seconds "] {
        assert!(text.contains(gauge), "{gauge}");
    }
    server.age_timers().await;
    server.expire().await;
    assert_eq!(removal::backlog(&server.api).await.unwrap(), quiet);
}
