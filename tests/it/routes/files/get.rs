use clipmill_tests::server::{answer, text};
use clipmill_tests::{Server, picture};
use reqwest::{Method, StatusCode};
use serde_json::json;

#[tokio::test]
async fn a_file_is_shown_as_it_was_when_it_was_put_up() {
    let server = Server::start().await;
    let file = server.put_up(picture::COFFEE, "Ein Kaffee ☕.jpg").await;
    let (status, shown) = server.get(&format!("/v1/files/{}", text(&file["id"]))).await;
    assert_eq!((status, &shown), (StatusCode::OK, &file));
    assert_eq!(shown["filename"], "Ein Kaffee ☕.jpg");
}

#[tokio::test]
async fn another_account_s_file_and_none_at_all_are_not_there() {
    let server = Server::start().await;
    let (file, stranger) = (server.put_up(picture::COFFEE, "cup.jpg").await, server.stranger().await);
    let path = format!("/v1/files/{}", text(&file["id"]));
    for (method, path) in [
        (Method::GET, path.clone()),
        (Method::GET, format!("{path}/content")),
        (Method::POST, format!("{path}/complete")),
        (Method::DELETE, path.clone()),
    ] {
        let (status, body) = answer(server.anonymous(method, &path).bearer_auth(&stranger)).await;
        assert_eq!((status, &body["error"]["code"]), (StatusCode::NOT_FOUND, &json!("file_not_found")), "{path}");
    }
    for id in ["file_00000000000000000000000000000000", "video_00000000000000000000000000000000", "x", "%00"] {
        let (status, body) = server.get(&format!("/v1/files/{id}")).await;
        assert_eq!((status, &body["error"]["code"]), (StatusCode::NOT_FOUND, &json!("file_not_found")), "{id}");
    }
    assert_eq!(server.get(&path).await.0, StatusCode::OK);
}
