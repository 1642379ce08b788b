use clipmill_shared::id::EndpointId;
use clipmill_shared::vault::{Place, Sealed};
use clipmill_tests::Server;
use clipmill_tests::server::{answer, text};
use reqwest::{Method, StatusCode};
use serde_json::json;

use super::{endpoint, is_found_by_its_owner_only, path};

const ROTATE: &str = "/rotate_secret";

#[tokio::test]
async fn a_rotated_secret_is_a_new_one_and_shown_once() {
    let server = Server::start().await;
    let made = endpoint(&server).await;
    let rotate = format!("{}{ROTATE}", path(&made));
    let (status, rotated) = server.post(&rotate, json!({ "keep_old_secret_active_for_24_hours": true })).await;
    assert_eq!(status, StatusCode::OK);
    assert!(text(&rotated["signing_secret"]).starts_with("whsec_"));
    assert_ne!(rotated["signing_secret"], made["signing_secret"]);
    let (_, again) = answer(server.request(Method::POST, &rotate)).await;
    assert_ne!(again["signing_secret"], rotated["signing_secret"], "a body is not needed");
    assert!(server.get(&path(&made)).await.1.get("signing_secret").is_none());
}

#[tokio::test]
async fn what_cannot_be_accepted_is_named_and_strangers_find_nothing() {
    let server = Server::start().await;
    let made = endpoint(&server).await;
    let (status, body) = server.post(&format!("{}{ROTATE}", path(&made)), json!({ "keep": true })).await;
    assert_eq!((status, &body["error"]["param"]), (StatusCode::BAD_REQUEST, &json!("keep")));
    is_found_by_its_owner_only(&server, Method::POST, &made, ROTATE, json!({})).await;
    let sealed: Sealed =
        sqlx::query_scalar("select secret from webhook_endpoints").fetch_one(&server.pool).await.unwrap();
    let id: EndpointId = text(&made["id"]).parse().unwrap();
    let secret = server.env.vault.open_webhook(Place::Endpoint, id.uuid(), &sealed).unwrap();
    assert_eq!(secret.reveal(), text(&made["signing_secret"]));
}
