use clipmill_shared::secret::WebhookSecret;
use clipmill_tests::Server;
use clipmill_tests::server::{answer, text};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use tokio::task::JoinSet;

use super::{endpoint, path};

#[tokio::test]
async fn a_new_endpoint_shows_its_secret_once() {
    let server = Server::start().await;
    let asked = json!({ "name": "production", "url": "https://example.com/hook", "event_types": ["video.failed", "video.completed"] });
    let made = server.endpoint(asked).await;
    let secret = text(&made["signing_secret"]);
    assert!(WebhookSecret::parse(secret).is_some_and(|secret| secret.bytes().len() == 32));
    let hint = text(&made["signing_secret_hint"]);
    assert!(secret.ends_with(hint.trim_start_matches("whsec_…")) && hint.len() < 16, "{hint}");
    let expected = json!({
        "id": made["id"], "object": "webhook_endpoint", "created_at": made["created_at"], "updated_at": made["created_at"],
        "name": "production", "url": "https://example.com/hook", "event_types": ["video.completed", "video.failed"],
        "signing_secret": secret, "signing_secret_hint": hint, "status": "enabled", "disabled_reason": null,
    });
    assert_eq!(made, expected);
    assert!(text(&made["id"]).starts_with("we_") && made["created_at"].is_i64());
    let (_, read) = server.get(&path(&made)).await;
    assert!(read.get("signing_secret").is_none());
}

#[tokio::test]
async fn an_endpoint_takes_every_kind_unless_it_says_otherwise() {
    let server = Server::start().await;
    assert_eq!(endpoint(&server).await["event_types"], json!(["*"]));
}

#[tokio::test]
async fn what_cannot_be_accepted_is_named() {
    let server = Server::start().await;
    let long = "x".repeat(2049);
    let cases: [(&str, Value); 13] = [
        ("name", json!({ "url": "https://example.com/" })),
        ("name", json!({ "url": "https://example.com/", "name": "" })),
        ("name", json!({ "url": "https://example.com/", "name": "ä".repeat(201) })),
        ("name", json!({ "url": "https://example.com/", "name": "a\u{0}" })),
        ("name", json!({ "url": "https://example.com/", "name": 1 })),
        ("url", json!({ "name": "a" })),
        ("url", json!({ "name": "a", "url": "ftp://example.com/" })),
        ("url", json!({ "name": "a", "url": "https://me:secret@example.com/" })),
        ("url", json!({ "name": "a", "url": format!("https://example.com/{long}") })),
        ("event_types", json!({ "name": "a", "url": "https://example.com/", "event_types": [] })),
        ("event_types", json!({ "name": "a", "url": "https://example.com/", "event_types": "video.failed" })),
        ("event_types", json!({ "name": "a", "url": "https://example.com/", "event_types": ["response.completed"] })),
        ("secret", json!({ "name": "a", "url": "https://example.com/", "secret": "whsec_" })),
    ];
    for (param, body) in cases {
        let (status, answer) = server.post("/v1/webhook_endpoints", body).await;
        assert_eq!((status, answer["error"]["param"].as_str()), (StatusCode::BAD_REQUEST, Some(param)), "{answer}");
    }
}

#[tokio::test]
async fn a_large_body_is_not_read() {
    let server = Server::start().await;
    let body = json!({ "name": "x".repeat(70_000), "url": "https://example.com/" });
    assert_eq!(server.post("/v1/webhook_endpoints", body).await.0, StatusCode::PAYLOAD_TOO_LARGE);
    let text = server.request(Method::POST, "/v1/webhook_endpoints").body("name=a");
    assert_eq!(answer(text).await.0, StatusCode::UNSUPPORTED_MEDIA_TYPE);
}

#[tokio::test]
async fn an_account_has_twenty_endpoints_at_most_however_fast_it_asks() {
    let server = Server::start().await;
    let body = json!({ "name": "a", "url": "https://example.com/" });
    let ask = || answer(server.request(Method::POST, "/v1/webhook_endpoints").json(&body));
    let answers = (0..25).map(|_| ask()).collect::<JoinSet<_>>().join_all().await;
    assert_eq!(answers.iter().filter(|(status, _)| *status == StatusCode::OK).count(), 20);
    let (status, refused) = ask().await;
    assert_eq!((status, &refused["error"]["code"]), (StatusCode::CONFLICT, &json!("too_many_webhook_endpoints")));
    let made = answers.iter().find(|(status, _)| *status == StatusCode::OK).unwrap();
    answer(server.request(Method::DELETE, &path(&made.1))).await;
    assert_eq!(ask().await.0, StatusCode::OK);
}
