use clipmill_tests::Server;
use clipmill_tests::server::answer;
use reqwest::{Method, StatusCode};

#[tokio::test]
async fn an_unknown_address_is_an_error_in_our_shape() {
    let server = Server::start().await;
    for (method, path, status, code) in [
        (Method::GET, "/nothing", StatusCode::NOT_FOUND, "not_found"),
        (Method::GET, "/v1/videos/x/y/z", StatusCode::NOT_FOUND, "not_found"),
        (Method::PUT, "/v1/videos", StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed"),
    ] {
        let (got, body) = answer(server.request(method, path)).await;
        assert_eq!((got, body["error"]["code"].as_str()), (status, Some(code)), "{path}");
    }
}

#[tokio::test]
async fn the_document_and_its_page_are_served_without_a_key() {
    let server = Server::start().await;
    let (status, document) = answer(server.anonymous(Method::GET, "/openapi.json")).await;
    assert_eq!((status, document["openapi"].as_str()), (StatusCode::OK, Some("3.1.0")));
    let page = server.anonymous(Method::GET, "/docs/").send().await.unwrap();
    assert_eq!(page.status(), StatusCode::OK);
    assert!(page.text().await.unwrap().contains("swagger"));
}

#[tokio::test]
async fn the_page_of_errors_is_served_without_a_key() {
    let server = Server::start().await;
    let page = server.anonymous(Method::GET, "/docs/errors").send().await.unwrap();
    assert_eq!(page.status(), StatusCode::OK);
    assert!(page.headers()["content-type"].to_str().unwrap().starts_with("text/html"));
    let page = page.text().await.unwrap();
    for word in ["invalid_value", "rate_limit_exceeded", "failed-worker_lost"] {
        assert!(page.contains(&format!("id=\"{word}\"")), "{word}");
    }
}
