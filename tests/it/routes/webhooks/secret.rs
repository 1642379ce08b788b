use clipmill_tests::Server;
use clipmill_tests::server::answer;
use reqwest::{Method, StatusCode};

#[tokio::test]
async fn an_account_reads_its_own_secret() {
    let server = Server::start().await;
    let (status, body) = server.get("/v1/webhooks/secret").await;
    assert_eq!((status, body["secret"].as_str()), (StatusCode::OK, Some(server.webhook_secret.reveal().as_str())));

    let stranger = server.stranger().await;
    let (_, other) = answer(server.anonymous(Method::GET, "/v1/webhooks/secret").bearer_auth(stranger)).await;
    assert_ne!(other["secret"], body["secret"]);
    let (status, _) = answer(server.anonymous(Method::GET, "/v1/webhooks/secret")).await;
    assert_eq!(status, StatusCode::UNAUTHORIZED);
}
