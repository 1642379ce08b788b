use clipmill_api::Transport;
use clipmill_api::config::ClientConfig;
use clipmill_api::rate::RateConfig;
use clipmill_api::transport::TransportConfig;
use clipmill_shared::accounts::keys::{self, KeyWish};
use clipmill_tests::server::answer;
use clipmill_tests::{Server, Setup};
use reqwest::{Method, Response};
use serde_json::Value;

/// Failures that are let pass. One more is let pass every 20 seconds.
const FAILURES: u32 = 3;
const GUESSER: &str = "203.0.113.7";
const BYSTANDER: &str = "203.0.113.8";

/// A service that believes these proxies; the test itself stands where one of them would, on loopback.
async fn trusting(proxies: &str) -> Server {
    let trusted_proxies = vec![proxies.parse().unwrap()];
    let transport = Transport::open(&TransportConfig { trusted_proxies, ..TransportConfig::default() }).await.unwrap();
    let rates = RateConfig { key_failures_per_minute: FAILURES, ..RateConfig::UNLIMITED };
    let clients = ClientConfig { rates, ..ClientConfig::default() };
    Server::with(Setup { transport, clients, ..Setup::default() }).await
}

fn wrong() -> String {
    format!("cm_{}", "a".repeat(42))
}

async fn list(server: &Server, forwarded_for: &str, key: &str) -> Response {
    let request = server.anonymous(Method::GET, "/v1/videos").header("x-forwarded-for", forwarded_for);
    request.bearer_auth(key).send().await.unwrap()
}

async fn status(server: &Server, forwarded_for: &str, key: &str) -> u16 {
    list(server, forwarded_for, key).await.status().as_u16()
}

/// A service on which one client has used its failures up.
async fn guessed() -> Server {
    let server = trusting("127.0.0.1").await;
    for _ in 0..FAILURES {
        assert_eq!(status(&server, GUESSER, &wrong()).await, 401);
    }
    server
}

#[tokio::test]
async fn who_tries_one_key_after_another_has_to_wait_and_the_ledger_is_not_asked() {
    let server = guessed().await;
    server.api.close().await;
    let response = list(&server, GUESSER, &wrong()).await;
    assert_eq!(response.status(), 429);
    let wait: u64 = response.headers()["retry-after"].to_str().unwrap().parse().unwrap();
    assert!((1..=20).contains(&wait), "{wait}");
    let body: Value = response.json().await.unwrap();
    assert_eq!(body["error"]["code"], "too_many_failed_keys");
    assert_eq!(body["error"]["type"], "rate_limit_error");
    assert_eq!(status(&server, BYSTANDER, &wrong()).await, 503, "others are asked about, in vain for the moment");
}

#[tokio::test]
async fn a_key_that_was_proved_from_anywhere_passes_where_others_have_to_wait() {
    let server = guessed().await;
    assert_eq!(status(&server, GUESSER, server.key()).await, 429, "nobody knows yet that it is good");
    assert_eq!(status(&server, BYSTANDER, server.key()).await, 200);
    assert_eq!(status(&server, GUESSER, server.key()).await, 200);
    assert_eq!(status(&server, GUESSER, &wrong()).await, 429);
    assert_eq!(status(&server, BYSTANDER, &wrong()).await, 401);
}

#[tokio::test]
async fn a_poll_proves_a_key_as_any_request_does() {
    let server = trusting("127.0.0.1").await;
    let video = server.submit_small().await;
    let fresh = keys::create(&server.pool, server.account, &KeyWish::named("fresh")).await.unwrap().1;
    let path = format!("/v1/videos/{}", video["id"].as_str().unwrap());
    let poll = async |client: &str, key: &str| {
        let request = server.anonymous(Method::GET, &path).header("x-forwarded-for", client).bearer_auth(key);
        answer(request).await.0.as_u16()
    };
    for _ in 0..FAILURES {
        assert_eq!(poll(GUESSER, &wrong()).await, 401);
    }
    assert_eq!(poll(GUESSER, fresh.reveal()).await, 429);
    assert_eq!(poll(BYSTANDER, fresh.reveal()).await, 200);
    assert_eq!(poll(GUESSER, fresh.reveal()).await, 200);
}

#[tokio::test]
async fn a_key_that_was_revoked_is_not_known_any_more() {
    let server = trusting("127.0.0.1").await;
    let (id, key) = keys::create(&server.pool, server.account, &KeyWish::named("short-lived")).await.unwrap();
    assert_eq!(status(&server, BYSTANDER, key.reveal()).await, 200);
    for _ in 0..FAILURES {
        status(&server, GUESSER, &wrong()).await;
    }
    keys::revoke(&server.pool, server.account, id.id).await.unwrap();
    assert_eq!(status(&server, GUESSER, key.reveal()).await, 401);
    assert_eq!(status(&server, GUESSER, key.reveal()).await, 429);
}

#[tokio::test]
async fn requests_without_a_key_count_and_what_is_open_to_all_stays_open() {
    let server = trusting("127.0.0.1").await;
    let ask = async |path: &str| {
        answer(server.anonymous(Method::GET, path).header("x-forwarded-for", GUESSER)).await.0.as_u16()
    };
    for _ in 0..FAILURES {
        assert_eq!(ask("/v1/videos").await, 401);
    }
    assert_eq!(ask("/v1/videos").await, 429);
    for open in ["/healthz", "/readyz", "/metrics", "/openapi.json", "/docs/errors", "/v1/webhooks/keys"] {
        assert_eq!(ask(open).await, 200, "{open}");
    }
}

#[tokio::test]
async fn keys_of_operators_are_guessed_no_faster() {
    let server = trusting("127.0.0.1").await;
    let operator = server.operator().await;
    let ask = async |key: &str| {
        let request = server.anonymous(Method::GET, "/v1/admin/statistics").header("x-forwarded-for", GUESSER);
        answer(request.bearer_auth(key)).await.0.as_u16()
    };
    let wrong = format!("{}{}", &operator[..operator.len() - 1], if operator.ends_with('x') { 'y' } else { 'x' });
    for _ in 0..FAILURES {
        assert_eq!(ask(&wrong).await, 401);
    }
    assert_eq!(ask(&wrong).await, 429);
}

#[tokio::test]
async fn the_dialect_says_it_in_its_own_words() {
    let server = guessed().await;
    let requests = [(Method::GET, "/v1/query/video_generation?task_id=1"), (Method::POST, "/v1/video_generation")];
    for (method, path) in requests {
        let request = server.anonymous(method, path).header("x-forwarded-for", GUESSER).bearer_auth(wrong());
        let (status, body) = answer(request).await;
        assert_eq!((status.as_u16(), &body["base_resp"]["status_code"]), (200, &1002.into()), "{body}");
    }
    let plan = server.anonymous(Method::GET, "/v1/token_plan/remains").header("x-forwarded-for", GUESSER);
    let (_, body) = answer(plan.header("x-api-key", wrong())).await;
    assert_eq!(body["base_resp"]["status_code"], 1002, "{body}");
}

#[tokio::test]
async fn a_client_cannot_hide_behind_addresses_of_its_own_making() {
    let server = trusting("127.0.0.1").await;
    let mut said = Vec::new();
    for n in 0..=FAILURES {
        said.push(status(&server, &format!("198.51.100.{n}, {GUESSER}"), &wrong()).await);
    }
    assert_eq!(said, [401, 401, 401, 429]);
}

#[tokio::test]
async fn only_a_trusted_proxy_is_believed_who_the_client_is() {
    let server = trusting("192.0.2.0/24").await;
    // The test comes from loopback, which is not counted, whatever it says.
    for _ in 0..2 * FAILURES {
        assert_eq!(status(&server, GUESSER, &wrong()).await, 401);
    }
}
