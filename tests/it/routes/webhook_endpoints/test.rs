use clipmill_shared::secret::WebhookSecret;
use clipmill_tests::server::text;
use clipmill_tests::{Receiver, Server};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use super::{endpoint, is_found_by_its_owner_only, path};

const TEST: &str = "/test";

#[tokio::test]
async fn a_test_is_a_signed_event_of_the_kind_that_was_asked_for() {
    let server = Server::start().await;
    let receiver = Receiver::answering([204, 500]).await;
    let made = server.endpoint(json!({ "name": "a", "url": receiver.url(), "event_types": ["video.failed"] })).await;
    let secret = WebhookSecret::parse(text(&made["signing_secret"])).unwrap();
    for (kind, status_code, prefix) in [("video.expired", 204, "video_"), ("webhook_endpoint.disabled", 500, "we_")] {
        let (status, result) = server.post(&format!("{}{TEST}", path(&made)), json!({ "event_type": kind })).await;
        let expected = json!({
            "object": "webhook_endpoint.test", "event_type": kind, "status_code": status_code, "success": status_code == 204,
            "error": null, "webhook_endpoint_id": made["id"],
        });
        assert_eq!((status, result), (StatusCode::OK, expected));
        let message = receiver.messages().pop().unwrap();
        assert!(message.is_genuine(&secret));
        assert_eq!(message.json()["type"], kind);
        assert!(text(&message.json()["data"]["id"]).starts_with(prefix));
    }
    let (_, log) = server.get(&format!("{}/deliveries", path(&made))).await;
    assert_eq!(log["data"], json!([]), "nothing of a test is kept");
}

#[tokio::test]
async fn an_endpoint_that_cannot_be_reached_fails_the_test_and_not_the_request() {
    let server = Server::start().await;
    let made = endpoint(&server).await;
    let (status, result) =
        server.post(&format!("{}{TEST}", path(&made)), json!({ "event_type": "video.failed" })).await;
    assert_eq!(status, StatusCode::OK);
    let told = (&result["status_code"], &result["success"], &result["error"]);
    assert_eq!(told, (&Value::Null, &json!(false), &json!("connection_failed")));
}

#[tokio::test]
async fn what_cannot_be_accepted_is_named_and_strangers_find_nothing() {
    let server = Server::start().await;
    let made = endpoint(&server).await;
    for body in [json!({}), json!({ "event_type": "response.completed" }), json!({ "event_type": "*" })] {
        let (status, answer) = server.post(&format!("{}{TEST}", path(&made)), body).await;
        assert_eq!((status, &answer["error"]["param"]), (StatusCode::BAD_REQUEST, &json!("event_type")));
    }
    is_found_by_its_owner_only(&server, Method::POST, &made, TEST, json!({ "event_type": "video.failed" })).await;
}
