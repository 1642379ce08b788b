//! Old records go, what was used stays counted.

use clipmill_tests::server::{answer, small, text};
use clipmill_tests::{Receiver, Server};
use reqwest::{Method, StatusCode};
use serde_json::json;

async fn age_records(server: &Server, days: i32) {
    let aged = "update jobs set finished_at = now() - make_interval(days => $1), created_at = now() - make_interval(days => $1)
                where finished_at is not null";
    sqlx::query(aged).bind(days).execute(&server.pool).await.unwrap();
}

async fn count(server: &Server, table: &str) -> i64 {
    let count = sqlx::AssertSqlSafe(format!("select count(*) from {table}"));
    sqlx::query_scalar(count).fetch_one(&server.pool).await.unwrap()
}

#[tokio::test]
async fn records_without_media_go_when_they_are_old_and_usage_stays() {
    let server = Server::start().await;
    let expired = server.completed().await;
    server.age_timers().await;
    server.expire().await;
    let live = server.completed().await;
    let cancelled = server.submit_small().await;
    answer(server.request(Method::POST, &format!("/v1/videos/{}/cancel", text(&cancelled["id"])))).await;

    age_records(&server, 89).await;
    server.expire().await;
    assert_eq!(count(&server, "jobs").await, 3, "not before their time");
    age_records(&server, 91).await;
    server.expire().await;
    for (job, status) in
        [(&expired, StatusCode::NOT_FOUND), (&cancelled, StatusCode::NOT_FOUND), (&live, StatusCode::OK)]
    {
        assert_eq!(server.get(&format!("/v1/videos/{}", text(&job["id"]))).await.0, status);
    }
    assert_eq!(count(&server, "usage").await, 2);
    assert_eq!(count(&server, "events").await, 1, "what was told of them goes with them");
}

#[tokio::test]
async fn a_record_whose_customer_was_not_told_yet_stays() {
    let server = Server::start().await;
    let receiver = Receiver::answering([503]).await;
    let mut body = small();
    body["webhook_url"] = json!(receiver.url());
    let job = server.submit(body).await;
    answer(server.request(Method::POST, &format!("/v1/videos/{}/cancel", text(&job["id"])))).await;
    server.notify().await;
    age_records(&server, 91).await;
    server.expire().await;
    assert_eq!(count(&server, "jobs").await, 1);
    server.age_timers().await;
    server.notify().await;
    server.expire().await;
    assert_eq!(count(&server, "jobs").await, 0);
}
