//! The secrets of the customers' own stores: sealed while they are needed, shown to nobody.

use clipmill_tests::log::Log;
use clipmill_tests::server::{small, text};
use clipmill_tests::{Customer, Receiver, Server};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use super::trace::tables_with;

const SIGNATURE: &str = "f00dfeedf00dfeedf00dfeed";

#[tokio::test]
async fn no_secret_of_a_customer_s_store_is_in_the_database_or_the_log() {
    let log = Log::begin();
    let (server, customer) = (Server::start().await, Customer::start().await);
    let bucket = Receiver::answering([500, 403]).await;
    let (status, made) = server.post("/v1/destinations", customer.destination()).await;
    assert_eq!(status, StatusCode::OK, "{made}");
    let (_, tested) = server.post("/v1/destinations/studio/test", Value::Null).await;
    assert_eq!(tested["success"], true, "{tested}");
    let mut shown = made.to_string();
    let url = format!("{}?X-Amz-Signature={SIGNATURE}", bucket.url());
    for output in [json!({ "destination": "studio" }), json!({ "upload_url": url })] {
        let mut wish = small();
        wish["output"] = output;
        let video = server.submit(wish).await;
        for secret in [customer.secret_key(), SIGNATURE, "X-Amz-Signature"] {
            assert_eq!(tables_with(&server, secret).await, Vec::<String>::new(), "{secret}");
        }
        while server.video(&video["id"]).await["status"] == "queued" {
            server.age_timers().await;
            server.render().await;
        }
        shown += &server.video(&video["id"]).await.to_string();
    }
    shown += &server.get("/v1/destinations").await.1.to_string();
    assert!(shown.contains("destination_refused") && log.text().contains("An attempt failed"));
    for secret in [customer.secret_key(), SIGNATURE, "X-Amz-Signature"] {
        assert!(!shown.contains(secret), "{secret} is shown");
        assert!(!log.text().contains(secret), "{secret} in the log");
        assert_eq!(tables_with(&server, secret).await, Vec::<String>::new(), "{secret}");
    }
}

#[tokio::test]
async fn destinations_go_with_their_account() {
    let (server, customer) = (Server::start().await, Customer::start().await);
    server.post("/v1/destinations", customer.destination()).await;
    let mut wish = small();
    wish["output"] = json!({ "destination": "studio" });
    server.submit(wish).await;
    let path = format!("/v1/account?confirm={}", server.account);
    let (status, receipt) = server.ask(Method::DELETE, &path, Value::Null).await;
    assert_eq!((status, text(&receipt["status"])), (StatusCode::OK, "completed"));
    assert_eq!(tables_with(&server, "studio").await, Vec::<String>::new());
}
