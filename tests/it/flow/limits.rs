//! What an account may have in the queue and at work.

use std::time::Duration;

use clipmill_shared::accounts::limits::{self, Limits};
use clipmill_shared::jobs::lease::{self, Ability, Lease};
use clipmill_shared::tier::Tier;
use clipmill_tests::Server;
use clipmill_tests::server::{answer, small, text};
use reqwest::{Method, StatusCode};
use serde_json::Value;

const LEASE: Duration = Duration::from_secs(30);

async fn limit(server: &Server, max_running: Option<i32>, max_queued: Option<i32>) {
    limits::set(&server.pool, server.account, Limits { max_running, max_queued }).await.unwrap();
}

async fn claim(server: &Server) -> Option<Lease> {
    lease::claim(&server.pool, Ability::of(&Tier::ALL), "test", LEASE).await.unwrap()
}

#[tokio::test]
async fn an_account_at_its_max_running_waits_while_others_go_on() {
    let server = Server::start().await;
    limit(&server, Some(2), None).await;
    for _ in 0..5 {
        server.submit_small().await;
    }
    let stranger = server.stranger().await;
    let (_, theirs) = answer(server.anonymous(Method::POST, "/v1/videos").bearer_auth(&stranger).json(&small())).await;

    let mut running = Vec::new();
    while let Some(lease) = claim(&server).await {
        running.push(lease);
    }
    let of_others = running.iter().filter(|lease| lease.job().account_id != server.account).count();
    assert_eq!((running.len(), of_others), (3, 1), "two of the limited account's and the other's");
    assert!(running.iter().any(|lease| lease.job().id.to_string() == text(&theirs["id"])));

    let at = running.iter().position(|lease| lease.job().account_id == server.account).unwrap();
    running.swap_remove(at).release(&server.pool).await.unwrap();
    running.push(claim(&server).await.expect("one that ended makes room for one"));
    assert!(claim(&server).await.is_none());
    for lease in running {
        lease.release(&server.pool).await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn simultaneous_claims_do_not_pass_max_running() {
    let server = Server::start().await;
    limit(&server, Some(3), None).await;
    for _ in 0..20 {
        server.submit_small().await;
    }
    let claims = (0..16).map(|_| {
        let pool = server.pool.clone();
        tokio::spawn(async move { lease::claim(&pool, Ability::of(&Tier::ALL), "test", LEASE).await.unwrap() })
    });
    let mut running = Vec::new();
    for claim in claims.collect::<Vec<_>>() {
        running.extend(claim.await.unwrap());
    }
    // A claim that met another one of the account took nothing; it comes again.
    while let Some(lease) = claim(&server).await {
        running.push(lease);
    }
    assert_eq!(running.len(), 3);
    for lease in running {
        lease.release(&server.pool).await.unwrap();
    }
}

#[tokio::test]
async fn an_account_at_its_max_queued_is_told_to_come_again() {
    let server = Server::start().await;
    limit(&server, None, Some(2)).await;
    server.submit_small().await;
    let second = server.submit_small().await;
    let refused = server.request(Method::POST, "/v1/videos").json(&small()).send().await.unwrap();
    assert_eq!(refused.status(), StatusCode::TOO_MANY_REQUESTS);
    assert!(refused.headers()["retry-after"].to_str().unwrap().parse::<u32>().unwrap() > 0);
    let body: Value = serde_json::from_slice(&refused.bytes().await.unwrap()).unwrap();
    assert_eq!((&body["error"]["code"], &body["error"]["type"]), (&"queue_full".into(), &"rate_limit_error".into()));

    answer(server.request(Method::POST, &format!("/v1/videos/{}/cancel", text(&second["id"])))).await;
    server.submit_small().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn simultaneous_submits_do_not_pass_max_queued() {
    let server = Server::start().await;
    limit(&server, None, Some(5)).await;
    let submits = (0..24).map(|_| tokio::spawn(answer(server.request(Method::POST, "/v1/videos").json(&small()))));
    let mut answers = Vec::new();
    for submit in submits.collect::<Vec<_>>() {
        answers.push(submit.await.unwrap().0);
    }
    assert_eq!(answers.iter().filter(|status| **status == StatusCode::OK).count(), 5, "{answers:?}");
    assert_eq!(answers.iter().filter(|status| **status == StatusCode::TOO_MANY_REQUESTS).count(), 19);
}

#[tokio::test]
async fn a_repeated_submit_is_answered_although_the_queue_is_full() {
    let server = Server::start().await;
    limit(&server, None, Some(1)).await;
    let submit = || server.request(Method::POST, "/v1/videos").header("idempotency-key", "one").json(&small());
    let (_, first) = answer(submit()).await;
    let (status, again) = answer(submit()).await;
    assert_eq!((status, &again["id"]), (StatusCode::OK, &first["id"]));
}
