use clipmill_tests::Server;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use super::{endpoint, is_found_by_its_owner_only, path};

const REPLAY: &str = "/replay";

#[tokio::test]
async fn a_replay_says_how_much_it_sends() {
    let server = Server::start().await;
    server.completed().await;
    let made = endpoint(&server).await;
    let replay = format!("{}{REPLAY}", path(&made));
    let (status, replayed) = server.post(&replay, json!({ "since": 0 })).await;
    assert_eq!(status, StatusCode::OK);
    let expected = json!({
        "object": "webhook_endpoint.replay", "webhook_endpoint_id": made["id"], "replayed": 1, "has_more": false,
        "until": replayed["until"],
    });
    assert_eq!(replayed, expected);
    assert!(replayed["until"].is_i64());
    let (_, nothing) = server.post(&replay, json!({ "since": 253_402_300_799_i64 })).await;
    assert_eq!((&nothing["replayed"], &nothing["until"]), (&json!(0), &Value::Null));
}

#[tokio::test]
async fn what_cannot_be_accepted_is_named_and_strangers_find_nothing() {
    let server = Server::start().await;
    let made = endpoint(&server).await;
    let replay = format!("{}{REPLAY}", path(&made));
    for body in
        [json!({}), json!({ "since": -1 }), json!({ "since": "yesterday" }), json!({ "since": 253_402_300_800_i64 })]
    {
        let (status, answer) = server.post(&replay, body).await;
        assert_eq!((status, &answer["error"]["param"]), (StatusCode::BAD_REQUEST, &json!("since")));
    }
    is_found_by_its_owner_only(&server, Method::POST, &made, REPLAY, json!({ "since": 0 })).await;
    server.post(&path(&made), json!({ "enabled": false })).await;
    let (status, refused) = server.post(&replay, json!({ "since": 0 })).await;
    assert_eq!((status, &refused["error"]["code"]), (StatusCode::CONFLICT, &json!("webhook_endpoint_disabled")));
}
