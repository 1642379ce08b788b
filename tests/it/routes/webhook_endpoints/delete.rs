use clipmill_tests::Server;
use clipmill_tests::server::answer;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use super::{endpoint, is_found_by_its_owner_only, path};

#[tokio::test]
async fn a_deleted_endpoint_is_gone_with_what_waited_for_it() {
    let server = Server::start().await;
    let made = endpoint(&server).await;
    server.completed().await;
    is_found_by_its_owner_only(&server, Method::DELETE, &made, "", Value::Null).await;
    let (status, deleted) = answer(server.request(Method::DELETE, &path(&made))).await;
    let expected = json!({ "id": made["id"], "object": "webhook_endpoint.deleted", "deleted": true });
    assert_eq!((status, deleted), (StatusCode::OK, expected));
    assert_eq!(server.notify().await, 0);
    assert_eq!(server.get(&path(&made)).await.0, StatusCode::NOT_FOUND);
    assert_eq!(answer(server.request(Method::DELETE, &path(&made))).await.0, StatusCode::NOT_FOUND);
}
