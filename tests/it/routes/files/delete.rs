use clipmill_tests::server::{answer, text};
use clipmill_tests::{Server, picture};
use reqwest::{Method, StatusCode};
use serde_json::json;

#[tokio::test]
async fn a_deleted_file_is_gone_with_its_object() {
    let server = Server::start().await;
    let file = server.put_up(picture::COFFEE, "cup.jpg").await;
    let path = format!("/v1/files/{}", text(&file["id"]));
    let (status, body) = answer(server.request(Method::DELETE, &path)).await;
    assert_eq!((status, body), (StatusCode::OK, json!({ "id": file["id"], "object": "file", "deleted": true })));
    assert!(server.file_objects(&file["id"]).await.is_empty());
    assert_eq!(server.get(&path).await.0, StatusCode::NOT_FOUND);
    assert_eq!(answer(server.request(Method::DELETE, &path)).await.0, StatusCode::NOT_FOUND);
    server.age_timers().await;
    assert_eq!(server.expire().await, 2, "at once, and for what may still have been on its way");
}
