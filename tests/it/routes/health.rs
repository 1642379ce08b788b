use clipmill_tests::Server;
use clipmill_tests::server::answer;
use reqwest::{Method, StatusCode};
use serde_json::json;

#[tokio::test]
async fn a_live_service_says_so_and_names_its_parts() {
    let server = Server::start().await;
    let (status, _) = answer(server.anonymous(Method::GET, "/healthz")).await;
    assert_eq!(status, StatusCode::OK);
    let (status, body) = answer(server.anonymous(Method::GET, "/readyz")).await;
    assert_eq!(status, StatusCode::OK);
    assert_eq!(body, json!({ "ready": true, "database": "ready", "storage": "ready" }));
}

#[tokio::test]
async fn a_database_without_its_schema_is_named_as_the_part_that_is_missing() {
    let server = Server::start().await;
    sqlx::query("update _sqlx_migrations set success = false").execute(&server.pool).await.unwrap();
    let (status, body) = answer(server.anonymous(Method::GET, "/readyz")).await;
    assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(body["database"], "the schema is older than this build: run migrate");
    assert_eq!(body["storage"], "ready");
}

#[tokio::test]
async fn the_metrics_count_what_waits() {
    let server = Server::start().await;
    let video = server.submit_small().await;
    let (status, metrics) = answer(server.anonymous(Method::GET, "/metrics")).await;
    assert_eq!(status, StatusCode::OK);
    let metrics = metrics.as_str().unwrap();
    assert!(metrics.contains("clipmill_jobs{status=\"queued\"}"), "{metrics}");
    assert!(metrics.contains("clipmill_http_requests_total"), "{metrics}");
    assert!(!metrics.contains(video["id"].as_str().unwrap()), "ids are no labels");
}
