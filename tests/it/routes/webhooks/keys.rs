use clipmill_tests::Server;
use clipmill_tests::server::answer;
use reqwest::{Method, StatusCode};
use serde_json::json;

#[tokio::test]
async fn anybody_reads_the_public_key() {
    let server = Server::signing_with("whsk_nWGxne/9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A=").await;
    let (status, body) = answer(server.anonymous(Method::GET, "/v1/webhooks/keys")).await;
    let key = json!({ "object": "webhook.public_key", "key": "whpk_11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=" });
    assert_eq!((status, body), (StatusCode::OK, json!({ "object": "list", "data": [key] })));
}

#[tokio::test]
async fn a_service_without_a_key_shows_none() {
    let server = Server::start().await;
    let (status, body) = answer(server.anonymous(Method::GET, "/v1/webhooks/keys")).await;
    assert_eq!((status, body), (StatusCode::OK, json!({ "object": "list", "data": [] })));
}
