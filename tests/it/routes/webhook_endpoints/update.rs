use clipmill_tests::Server;
use clipmill_tests::server::answer;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use super::{endpoint, is_found_by_its_owner_only, path};

#[tokio::test]
async fn what_is_named_changes_and_the_rest_stays() {
    let server = Server::start().await;
    let made = endpoint(&server).await;
    for method in [Method::POST, Method::PATCH] {
        let name = method.to_string();
        let (status, changed) = answer(server.request(method, &path(&made)).json(&json!({ "name": name }))).await;
        assert_eq!((status, &changed["name"], &changed["url"]), (StatusCode::OK, &json!(name), &made["url"]));
    }
    let change = json!({ "url": "https://example.com/", "event_types": ["video.failed"] });
    let (_, changed) = server.post(&path(&made), change).await;
    assert_eq!(changed["event_types"], json!(["video.failed"]));
    let (_, changed) = server.post(&path(&made), json!({ "event_types": ["*"] })).await;
    assert_eq!((&changed["event_types"], &changed["url"]), (&json!(["*"]), &json!("https://example.com/")));
}

#[tokio::test]
async fn only_a_change_moves_the_time_of_the_last_one() {
    let server = Server::start().await;
    let made = endpoint(&server).await;
    let aged = "update webhook_endpoints set created_at = created_at - interval '1 hour', updated_at = updated_at - interval '1 hour'";
    sqlx::query(aged).execute(&server.pool).await.unwrap();
    let same = json!({ "name": made["name"], "url": made["url"], "event_types": ["*"], "enabled": true });
    let (_, unchanged) = server.post(&path(&made), same).await;
    assert_eq!(unchanged["updated_at"], unchanged["created_at"]);
    let (_, changed) = server.post(&path(&made), json!({ "enabled": false })).await;
    assert!(changed["updated_at"].as_i64() >= made["updated_at"].as_i64());
}

#[tokio::test]
async fn an_owner_disables_and_enables() {
    let server = Server::start().await;
    let made = endpoint(&server).await;
    let state = |endpoint: &Value| (endpoint["status"].clone(), endpoint["disabled_reason"].clone());
    for _ in 0..2 {
        let (_, off) = server.post(&path(&made), json!({ "enabled": false })).await;
        assert_eq!(state(&off), (json!("disabled"), json!("requested")));
    }
    let (_, on) = server.post(&path(&made), json!({ "enabled": true })).await;
    assert_eq!(state(&on), (json!("enabled"), Value::Null));
}

#[tokio::test]
async fn what_cannot_be_accepted_is_named_and_strangers_find_nothing() {
    let server = Server::start().await;
    let made = endpoint(&server).await;
    for (param, body) in
        [("enabled", json!({ "enabled": "maybe" })), ("url", json!({ "url": "" })), ("id", json!({ "id": "x" }))]
    {
        let (status, answer) = server.post(&path(&made), body).await;
        assert_eq!((status, answer["error"]["param"].as_str()), (StatusCode::BAD_REQUEST, Some(param)));
    }
    is_found_by_its_owner_only(&server, Method::POST, &made, "", json!({ "name": "mine" })).await;
    is_found_by_its_owner_only(&server, Method::PATCH, &made, "", json!({ "name": "mine" })).await;
    assert_eq!(server.get(&path(&made)).await.1["name"], made["name"]);
}
