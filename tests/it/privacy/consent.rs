//! Consent: no video trains a model unless its account says so, and none from the moment on that it no longer does.

use clipmill_tests::Server;
use clipmill_tests::server::text;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

async fn training(server: &Server, operator: &str) -> Vec<Value> {
    let (status, page) = server.ask_as(operator, Method::GET, "/v1/admin/training_videos", Value::Null).await;
    assert_eq!(status, StatusCode::OK, "{page}");
    page["data"].as_array().unwrap().iter().map(|video| video["id"].clone()).collect()
}

#[tokio::test]
async fn only_finished_videos_of_accounts_that_agree_are_listed_for_training() {
    let server = Server::start().await;
    let operator = server.operator().await;
    let finished = server.completed().await;
    server.submit_small().await;
    assert_eq!(training(&server, &operator).await, Vec::<Value>::new(), "off unless it was given");

    let agree = json!({ "training_consent": true, "training_consent_wording": "2026-11 en" });
    let (_, account) = server.ask(Method::PATCH, "/v1/account", agree).await;
    assert_eq!(
        (&account["training_consent"], &account["training_consent_wording"]),
        (&json!(true), &json!("2026-11 en"))
    );
    assert!(account["training_consent_at"].is_i64());
    assert_eq!(training(&server, &operator).await, [finished["id"].clone()]);
    let (_, log) = server.get("/v1/account/audit_log").await;
    assert_eq!(
        (&log["data"][0]["action"], &log["data"][0]["detail"]),
        (&json!("training.listed"), &json!([finished["id"]]))
    );

    server.ask(Method::PATCH, "/v1/account", json!({ "processing_limited": true })).await;
    assert_eq!(training(&server, &operator).await, Vec::<Value>::new(), "nothing is processed");
    server.ask(Method::PATCH, "/v1/account", json!({ "processing_limited": false, "training_consent": false })).await;
    assert_eq!(training(&server, &operator).await, Vec::<Value>::new(), "taken back, at once");
    let said: Vec<(bool, String)> =
        sqlx::query_as("select given, wording from consents order by id").fetch_all(&server.pool).await.unwrap();
    assert_eq!(said, [(true, "2026-11 en".to_owned()), (false, "withdrawn".to_owned())], "both are kept as proof");
}

#[tokio::test]
async fn videos_that_are_gone_or_of_an_account_that_is_gone_train_nothing() {
    let server = Server::start().await;
    let operator = server.operator().await;
    server
        .ask(Method::PATCH, "/v1/account", json!({ "training_consent": true, "training_consent_wording": "1" }))
        .await;
    let (first, second) = (server.completed().await, server.completed().await);
    server.ask(Method::DELETE, &format!("/v1/videos/{}", text(&first["id"])), Value::Null).await;
    assert_eq!(training(&server, &operator).await, [second["id"].clone()]);
    server.age_timers().await;
    server.expire().await;
    assert_eq!(training(&server, &operator).await, Vec::<Value>::new());
    server.completed().await;
    server.ask(Method::DELETE, &format!("/v1/account?confirm={}", server.account), Value::Null).await;
    assert_eq!(training(&server, &operator).await, Vec::<Value>::new());
}
