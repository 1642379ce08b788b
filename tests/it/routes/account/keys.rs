//! `/v1/account/keys`: keys that do one thing, for a while.

use clipmill_tests::Server;
use clipmill_tests::server::{small, text};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

async fn make(server: &Server, body: Value) -> Value {
    let (status, key) = server.post("/v1/account/keys", body).await;
    assert_eq!(status, StatusCode::OK, "{key}");
    key
}

#[tokio::test]
async fn a_key_does_what_its_scopes_say_and_nothing_else() {
    let server = Server::start().await;
    let video = server.submit_small().await;
    let path = format!("/v1/videos/{}", text(&video["id"]));
    for (scope, read, write, account) in [
        ("videos:read", StatusCode::OK, StatusCode::FORBIDDEN, StatusCode::FORBIDDEN),
        ("videos:write", StatusCode::FORBIDDEN, StatusCode::OK, StatusCode::FORBIDDEN),
        ("account", StatusCode::FORBIDDEN, StatusCode::FORBIDDEN, StatusCode::OK),
    ] {
        let key = make(&server, json!({ "name": scope, "scopes": [scope] })).await;
        let key = text(&key["key"]);
        assert_eq!(server.ask_as(key, Method::GET, &path, Value::Null).await.0, read, "{scope}");
        assert_eq!(server.ask_as(key, Method::GET, "/v1/files", Value::Null).await.0, read, "{scope}");
        let (status, answer) = server.ask_as(key, Method::POST, "/v1/videos", small()).await;
        assert_eq!(status, write, "{scope}");
        if status == StatusCode::FORBIDDEN {
            assert_eq!(answer["error"]["code"], "insufficient_scope");
            assert!(text(&answer["error"]["message"]).contains("videos:write"), "{answer}");
        }
        assert_eq!(server.ask_as(key, Method::GET, "/v1/account", Value::Null).await.0, account, "{scope}");
        assert_eq!(server.ask_as(key, Method::GET, "/v1/usage", Value::Null).await.0, account, "{scope}");
    }
}

#[tokio::test]
async fn no_key_makes_one_that_may_do_more_than_itself() {
    let server = Server::start().await;
    let narrow = make(&server, json!({ "name": "clerk", "scopes": ["account"] })).await;
    let narrow = text(&narrow["key"]);
    let (status, answer) = server
        .ask_as(narrow, Method::POST, "/v1/account/keys", json!({ "name": "x", "scopes": ["videos:read"] }))
        .await;
    assert_eq!((status, &answer["error"]["code"]), (StatusCode::FORBIDDEN, &json!("insufficient_scope")));
    let (_, like_itself) = server.ask_as(narrow, Method::POST, "/v1/account/keys", json!({ "name": "x" })).await;
    assert_eq!(like_itself["scopes"], json!(["account"]));
}

#[tokio::test]
async fn keys_are_listed_without_what_they_are_and_end_when_they_should() {
    let server = Server::start().await;
    let (past, later) =
        (json!({ "name": "past", "expires_at": 1 }), json!({ "name": "later", "expires_at": 4_102_444_800_i64 }));
    let (past, later) = (make(&server, past).await, make(&server, later).await);
    assert_eq!(
        server.ask_as(text(&past["key"]), Method::GET, "/v1/videos", Value::Null).await.0,
        StatusCode::UNAUTHORIZED
    );
    assert_eq!(server.ask_as(text(&later["key"]), Method::GET, "/v1/videos", Value::Null).await.0, StatusCode::OK);

    let (_, listed) = server.get("/v1/account/keys").await;
    let keys = listed["data"].as_array().unwrap();
    assert_eq!(keys.iter().map(|key| text(&key["name"])).collect::<Vec<_>>(), ["test", "past", "later"]);
    assert!(!listed.to_string().contains(text(&later["key"])), "a key is shown once");
    assert!(text(&later["key"]).starts_with(text(&keys[2]["starts_with"])));
    assert!(keys[0]["last_used_at"].is_i64() && keys[1]["last_used_at"].is_null() && keys[2]["last_used_at"].is_i64());

    let path = format!("/v1/account/keys/{}", text(&later["id"]));
    for _ in 0..2 {
        assert_eq!(server.ask(Method::DELETE, &path, Value::Null).await.0, StatusCode::OK, "again changes nothing");
    }
    assert_eq!(
        server.ask_as(text(&later["key"]), Method::GET, "/v1/videos", Value::Null).await.0,
        StatusCode::UNAUTHORIZED
    );
    let (_, listed) = server.get("/v1/account/keys").await;
    assert!(listed["data"][2]["revoked_at"].is_i64());
}

#[tokio::test]
async fn what_a_key_cannot_be_is_refused_by_name() {
    let server = Server::start().await;
    for (body, field) in [
        (json!({ "scopes": ["account"] }), "name"),
        (json!({ "name": "x", "scopes": [] }), "scopes"),
        (json!({ "name": "x", "scopes": ["everything"] }), "scopes"),
        (json!({ "name": "x", "scopes": "account" }), "scopes"),
        (json!({ "name": "x", "expires_at": 0 }), "expires_at"),
        (json!({ "name": "x", "expires_at": "tomorrow" }), "expires_at"),
        (json!({ "name": "x", "key": "cm_mine" }), "key"),
    ] {
        let (status, answer) = server.post("/v1/account/keys", body.clone()).await;
        assert_eq!((status, &answer["error"]["param"]), (StatusCode::BAD_REQUEST, &json!(field)), "{body}");
    }
    let absent = "/v1/account/keys/key_00000000000000000000000000000000";
    for path in [absent, "/v1/account/keys/mine"] {
        assert_eq!(server.ask(Method::DELETE, path, Value::Null).await.0, StatusCode::NOT_FOUND, "{path}");
    }
}

#[tokio::test]
async fn an_account_has_so_many_live_keys_and_no_more() {
    let server = Server::start().await;
    let fill = "insert into api_keys (id, account_id, name, lookup, hash)
                select gen_random_uuid(), $1, 'x', 'cm_' || number, decode(repeat('00', 32), 'hex') from generate_series(1, 99) as number";
    sqlx::query(fill).bind(server.account.uuid()).execute(&server.pool).await.unwrap();
    let (status, answer) = server.post("/v1/account/keys", json!({ "name": "one more" })).await;
    assert_eq!((status, &answer["error"]["code"]), (StatusCode::CONFLICT, &json!("too_many_keys")));
    sqlx::query("update api_keys set revoked_at = now() where lookup = 'cm_7'").execute(&server.pool).await.unwrap();
    make(&server, json!({ "name": "one more" })).await;
}
