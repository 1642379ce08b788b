use clipmill_tests::server::{answer, text};
use clipmill_tests::{Server, picture};
use image::ImageFormat;
use reqwest::{Client, Method, StatusCode};
use serde_json::{Value, json};

async fn announce(server: &Server, content_type: &str, bytes: usize) -> Value {
    let body = json!({ "filename": "cup.jpg", "content_type": content_type, "bytes": bytes });
    let (status, file) = answer(server.request(Method::POST, "/v1/files").json(&body)).await;
    assert_eq!(status, StatusCode::OK, "{file}");
    file
}

/// Stores as a customer's plain HTTP client does.
async fn put(file: &Value, bytes: impl Into<reqwest::Body>) -> StatusCode {
    let mut request = Client::new().put(text(&file["upload"]["url"])).body(bytes);
    let headers = file["upload"]["headers"].as_object().unwrap().iter();
    // The length is the body's own, whatever was announced.
    for (name, value) in headers.filter(|(name, _)| *name != "content-length") {
        request = request.header(name, text(value));
    }
    request.send().await.unwrap().status()
}

async fn complete(server: &Server, file: &Value) -> (StatusCode, Value) {
    answer(server.request(Method::POST, &format!("/v1/files/{}/complete", text(&file["id"])))).await
}

#[tokio::test]
async fn what_was_stored_by_a_link_is_looked_at_and_may_be_used() {
    let server = Server::start().await;
    let file = announce(&server, "image/jpeg", picture::COFFEE.len()).await;
    let (status, body) = complete(&server, &file).await;
    assert_eq!(
        (status, &body["error"]["code"]),
        (StatusCode::CONFLICT, &json!("file_not_ready")),
        "not before it is there"
    );
    assert_eq!(put(&file, picture::COFFEE).await, StatusCode::OK);
    let (status, ready) = complete(&server, &file).await;
    assert_eq!((status, &ready["status"], &ready["id"]), (StatusCode::OK, &json!("processed"), &file["id"]), "{ready}");
    assert_eq!((&ready["width"], &ready["height"]), (&json!(600), &json!(400)));
    assert_eq!(complete(&server, &file).await, (StatusCode::OK, ready), "doing so again changes nothing");
    assert_eq!(server.file_objects(&file["id"]).await.len(), 1, "what was stored by the link is gone");
}

#[tokio::test]
async fn the_store_takes_nothing_but_what_was_announced() {
    let server = Server::start().await;
    let file = announce(&server, "image/jpeg", picture::COFFEE.len()).await;
    assert_eq!(put(&file, picture::CHELSEA).await, StatusCode::FORBIDDEN, "another size");
    let other_type = Client::new().put(text(&file["upload"]["url"])).header("content-type", "text/html");
    assert_eq!(other_type.body(picture::COFFEE).send().await.unwrap().status(), StatusCode::FORBIDDEN);
    assert!(server.file_objects(&file["id"]).await.is_empty());
}

#[tokio::test]
async fn content_that_cannot_be_accepted_is_refused_and_the_file_is_gone() {
    let server = Server::start().await;
    let png = picture::encode(&picture::plain(80, 64), ImageFormat::Png);
    let tiny = picture::encode(&picture::plain(32, 32), ImageFormat::Png);
    for (content_type, bytes, word) in [
        ("image/jpeg", png, "image/jpeg"),
        ("image/png", tiny, "64 to 8192"),
        ("image/png", b"<html>".to_vec(), "JPEG, PNG or WebP"),
        ("image/jpeg", picture::COFFEE[..20_000].to_vec(), "damaged"),
    ] {
        let file = announce(&server, content_type, bytes.len()).await;
        assert_eq!(put(&file, bytes).await, StatusCode::OK);
        let (status, body) = complete(&server, &file).await;
        assert_eq!((status, &body["error"]["param"]), (StatusCode::BAD_REQUEST, &json!("file")), "{body}");
        assert!(text(&body["error"]["message"]).contains(word), "{body}");
        assert_eq!(complete(&server, &file).await.0, StatusCode::NOT_FOUND);
        assert!(server.file_objects(&file["id"]).await.is_empty());
    }
}

#[tokio::test]
async fn content_of_another_size_than_announced_is_refused_even_if_the_store_took_it() {
    let server = Server::start().await;
    let file = announce(&server, "image/jpeg", picture::COFFEE.len()).await;
    let key = format!("{}/files/{}/upload", server.account, text(&file["id"]));
    server.storage.put(&key, "image/jpeg", picture::CHELSEA.into()).await.unwrap();
    let (status, body) = complete(&server, &file).await;
    assert_eq!((status, &body["error"]["param"]), (StatusCode::BAD_REQUEST, &json!("file")), "{body}");
}

#[tokio::test]
async fn what_the_bearer_of_the_link_stores_later_changes_nothing_and_goes() {
    let server = Server::start().await;
    let file = announce(&server, "image/jpeg", picture::COFFEE.len()).await;
    put(&file, picture::COFFEE).await;
    complete(&server, &file).await;
    assert_eq!(put(&file, vec![0; picture::COFFEE.len()]).await, StatusCode::OK);
    let content =
        server.request(Method::GET, &format!("/v1/files/{}/content", text(&file["id"]))).send().await.unwrap();
    assert_eq!(content.bytes().await.unwrap(), picture::COFFEE);

    answer(server.request(Method::DELETE, &format!("/v1/files/{}", text(&file["id"])))).await;
    assert!(server.file_objects(&file["id"]).await.is_empty());
    assert_eq!(put(&file, vec![0; picture::COFFEE.len()]).await, StatusCode::OK, "the link outlives the file");
    server.expire().await;
    server.age_timers().await;
    assert_eq!(server.expire().await, 1);
    assert!(server.file_objects(&file["id"]).await.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn simultaneous_completions_agree() {
    let server = Server::start().await;
    let file = announce(&server, "image/jpeg", picture::COFFEE.len()).await;
    put(&file, picture::COFFEE).await;
    let path = format!("/v1/files/{}/complete", text(&file["id"]));
    let completions = (0..8).map(|_| tokio::spawn(answer(server.request(Method::POST, &path))));
    let mut ready = Vec::new();
    for completion in completions.collect::<Vec<_>>() {
        ready.push(completion.await.unwrap());
    }
    let agrees = |(status, file): &(StatusCode, Value)| *status == StatusCode::OK && *file == ready[0].1;
    assert!(ready.iter().all(agrees) && ready[0].1["status"] == "processed", "{ready:?}");
    assert_eq!(server.file_objects(&file["id"]).await.len(), 1, "of each try only one object stays");
}
