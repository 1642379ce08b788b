//! `GET` and `PATCH /v1/account`: access and correction.

use clipmill_tests::Server;
use clipmill_tests::server::small;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

async fn change(server: &Server, body: Value) -> (StatusCode, Value) {
    server.ask(Method::PATCH, "/v1/account", body).await
}

#[tokio::test]
async fn an_account_is_shown_to_its_owner_and_put_right() {
    let server = Server::start().await;
    let (status, account) = server.get("/v1/account").await;
    assert_eq!((status, &account["object"], &account["name"]), (StatusCode::OK, &json!("account"), &json!("test")));
    assert_eq!((&account["id"], &account["email"]), (&json!(server.account.to_string()), &Value::Null));
    assert_eq!((&account["training_consent"], &account["keep_history"]), (&json!(false), &json!(false)));

    let (_, changed) = change(&server, json!({ "name": "Ada's studio", "email": "ada@example.com" })).await;
    assert_eq!((&changed["name"], &changed["email"]), (&json!("Ada's studio"), &json!("ada@example.com")));
    assert_eq!(server.get("/v1/account").await.1, changed);
    let (_, changed) = change(&server, json!({ "email": "" })).await;
    assert_eq!((&changed["name"], &changed["email"]), (&json!("Ada's studio"), &Value::Null), "what is left out stays");
}

#[tokio::test]
async fn what_cannot_be_is_refused_by_name_and_nothing_is_changed() {
    let server = Server::start().await;
    for (body, field) in [
        (json!({ "name": "" }), "name"),
        (json!({ "name": "x", "email": "nobody" }), "email"),
        (json!({ "name": "x", "email": 7 }), "email"),
        (json!({ "name": "x", "retention_seconds": -1 }), "retention_seconds"),
        (json!({ "name": "x", "retention_seconds": 10_000_000_000_i64 }), "retention_seconds"),
        (json!({ "name": "x", "training_consent": true }), "training_consent_wording"),
        (json!({ "name": "x", "training_consent": true, "training_consent_wording": "" }), "training_consent_wording"),
        (json!({ "name": "x", "training_consent_wording": "1" }), "training_consent"),
        (json!({ "name": "x", "keep_history": "perhaps" }), "keep_history"),
        (json!({ "name": "x", "billing_reference": "cus_1" }), "billing_reference"),
    ] {
        let (status, answer) = change(&server, body.clone()).await;
        assert_eq!((status, &answer["error"]["param"]), (StatusCode::BAD_REQUEST, &json!(field)), "{body}");
    }
    assert_eq!(server.get("/v1/account").await.1["name"], "test");
}

#[tokio::test]
async fn a_retention_of_the_accounts_own_counts_where_a_request_says_none() {
    let server = Server::start().await;
    change(&server, json!({ "retention_seconds": 3600 })).await;
    assert_eq!(server.submit_small().await["retention_seconds"], 3600);
    let mut asked = small();
    asked["retention_seconds"] = json!(60);
    assert_eq!(server.submit(asked).await["retention_seconds"], 60);
    change(&server, json!({ "retention_seconds": 30 * 86_400 })).await;
    assert_eq!(server.submit_small().await["retention_seconds"], 7 * 86_400, "no longer than the tier allows");
    change(&server, json!({ "retention_seconds": 0 })).await;
    assert_eq!(server.submit_small().await["retention_seconds"], 86_400, "as the tier says");
}
