use clipmill_api::config::ClientConfig;
use clipmill_api::rate::RateConfig;
use clipmill_shared::accounts::keys::{self, KeyWish};
use clipmill_tests::Server;
use clipmill_tests::server::answer;
use reqwest::{Method, StatusCode};

async fn server(key_requests_per_minute: u32, account_requests_per_minute: u32) -> Server {
    let rates = RateConfig { key_requests_per_minute, account_requests_per_minute, ..RateConfig::UNLIMITED };
    Server::for_clients(ClientConfig { rates, ..ClientConfig::default() }).await
}

#[tokio::test]
async fn a_key_that_asks_too_often_is_told_when_to_come_back() {
    let server = server(3, 0).await;
    for remaining in ["2", "1", "0"] {
        let response = server.request(Method::GET, "/v1/videos").send().await.unwrap();
        assert_eq!(response.status(), StatusCode::OK);
        assert_eq!(response.headers()["x-ratelimit-limit-requests"], "3");
        assert_eq!(response.headers()["x-ratelimit-remaining-requests"], remaining);
    }
    let response = server.request(Method::GET, "/v1/videos").send().await.unwrap();
    assert_eq!(response.status(), StatusCode::TOO_MANY_REQUESTS);
    let wait: u64 = response.headers()["retry-after"].to_str().unwrap().parse().unwrap();
    assert!((1..=20).contains(&wait), "{wait}");
    assert!(response.headers().contains_key("x-request-id"));
    assert_eq!(response.headers()["x-ratelimit-reset-requests"], "60s");
    let body: serde_json::Value = response.json().await.unwrap();
    assert_eq!(body["error"]["code"], "rate_limit_exceeded");
    assert_eq!(body["error"]["type"], "rate_limit_error");
    let stranger = server.stranger().await;
    let (status, _) = answer(server.anonymous(Method::GET, "/v1/videos").bearer_auth(stranger)).await;
    assert_eq!(status, StatusCode::OK, "others are not kept waiting");
}

#[tokio::test]
async fn all_keys_of_an_account_share_its_rate() {
    let server = server(0, 2).await;
    let (_, second) = keys::create(&server.pool, server.account, &KeyWish::named("second")).await.unwrap();
    // The first request of each key finds out whose it is.
    let keys = [server.key(), second.reveal(), server.key(), second.reveal(), server.key()];
    let mut codes = Vec::new();
    for key in keys {
        let (status, _) = answer(server.anonymous(Method::GET, "/v1/videos").bearer_auth(key)).await;
        codes.push(status.as_u16());
    }
    assert_eq!(codes, [200, 200, 200, 200, 429]);
}

#[tokio::test]
async fn pages_of_the_origins_that_are_named_may_read_answers() {
    let origins = vec!["https://studio.example".parse().unwrap()];
    let server = Server::for_clients(ClientConfig { cors_origins: origins, ..ClientConfig::default() }).await;
    for (origin, allowed) in [("https://studio.example", true), ("https://other.example", false)] {
        let asked = server.anonymous(Method::OPTIONS, "/v1/videos").header("origin", origin);
        let asked = asked.header("access-control-request-method", "POST");
        let asked = asked.header("access-control-request-headers", "authorization,idempotency-key");
        let headers = asked.send().await.unwrap().headers().clone();
        assert_eq!(headers.get("access-control-allow-origin").is_some(), allowed, "{origin}");
        let read = server.request(Method::GET, "/v1/videos").header("origin", origin).send().await.unwrap();
        assert_eq!(read.headers().get("access-control-allow-origin").is_some(), allowed, "{origin}");
    }
}

#[tokio::test]
async fn large_answers_are_compressed_for_who_can_read_that() {
    let server = Server::start().await;
    for _ in 0..5 {
        server.submit_small().await;
    }
    let encoding = async |accept: &str| {
        let request = server.request(Method::GET, "/v1/videos").header("accept-encoding", accept);
        request.send().await.unwrap().headers().get("content-encoding").cloned()
    };
    assert_eq!(encoding("gzip").await.unwrap(), "gzip");
    assert!(encoding("identity").await.is_none());
}

#[tokio::test]
async fn a_request_with_too_many_or_too_large_headers_is_refused() {
    let server = Server::start().await;
    let with = |name: String, value: String| server.request(Method::GET, "/v1/videos").header(name, value).send();
    let large = with("x-large".to_owned(), "x".repeat(200_000)).await;
    assert!(large.map_or(true, |response| response.status() == StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE));
    let many =
        (0..120).fold(server.request(Method::GET, "/v1/videos"), |request, n| request.header(format!("x-{n}"), "x"));
    assert_eq!(many.send().await.unwrap().status(), StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE);
}
