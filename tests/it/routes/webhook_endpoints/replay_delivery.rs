use clipmill_tests::Server;
use clipmill_tests::server::text;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use super::{endpoint, is_found_by_its_owner_only, path};

#[tokio::test]
async fn only_a_delivery_to_this_endpoint_is_replayed() {
    let server = Server::start().await;
    let (made, other) = (endpoint(&server).await, endpoint(&server).await);
    server.completed().await;
    let (_, log) = server.get(&format!("{}/deliveries", path(&made))).await;
    let rest = format!("/deliveries/{}/replay", text(&log["data"][0]["id"]));
    let (status, replayed) = server.post(&format!("{}{rest}", path(&made)), Value::Null).await;
    assert_eq!((status, &replayed["replayed"]), (StatusCode::OK, &json!(1)));

    is_found_by_its_owner_only(&server, Method::POST, &made, &rest, Value::Null).await;
    for none in [format!("{}{rest}", path(&other)), format!("{}/deliveries/wh_1/replay", path(&made))] {
        let (status, answer) = server.post(&none, Value::Null).await;
        assert_eq!((status, &answer["error"]["code"]), (StatusCode::NOT_FOUND, &json!("webhook_delivery_not_found")));
    }
    server.post(&path(&made), json!({ "enabled": false })).await;
    assert_eq!(server.post(&format!("{}{rest}", path(&made)), Value::Null).await.0, StatusCode::CONFLICT);
}
