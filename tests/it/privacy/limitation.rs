//! Limitation: the data stays, nothing is done with it.

use std::time::Duration;

use clipmill_shared::jobs::lease::{self, Ability, LeaseError};
use clipmill_shared::tier::Tier;
use clipmill_tests::Server;
use clipmill_tests::server::{small, text};
use clipmill_worker::pull;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

async fn limit(server: &Server, limited: bool) -> Value {
    let (status, account) = server.ask(Method::PATCH, "/v1/account", json!({ "processing_limited": limited })).await;
    assert_eq!(status, StatusCode::OK, "{account}");
    account
}

#[tokio::test]
async fn while_processing_is_limited_nothing_is_taken_in_or_up_and_nothing_is_lost() {
    let server = Server::start().await;
    let finished = server.completed().await;
    let running = server.submit_small().await;
    let lease = lease::claim(&server.env.pool, Ability::of(&Tier::ALL), "test", Duration::from_secs(30))
        .await
        .unwrap()
        .unwrap();
    let waiting = server.submit_small().await;

    assert_eq!(limit(&server, true).await["processing_limited"], true);
    assert!(matches!(lease.renew(&server.env.pool, 50).await, Err(LeaseError::Lost)), "it is given back at once");
    drop(lease);
    let (status, answer) = server.ask(Method::POST, "/v1/videos", small()).await;
    assert_eq!((status, &answer["error"]["code"]), (StatusCode::FORBIDDEN, &json!("processing_limited")));
    server.expire().await;
    assert!(
        !pull::step(&server.env).await.unwrap(),
        "neither what ran nor what waited is taken up, also after a sweep"
    );
    for (video, status) in [(&finished, "completed"), (&running, "queued"), (&waiting, "queued")] {
        assert_eq!(server.video(&video["id"]).await["status"], status);
    }
    let content = format!("/v1/videos/{}/content", text(&finished["id"]));
    assert_eq!(
        server.request(Method::GET, &content).send().await.unwrap().status(),
        StatusCode::OK,
        "its data stays its own"
    );
    let other = server.stranger().await;
    assert_eq!(server.ask_as(&other, Method::POST, "/v1/videos", small()).await.0, StatusCode::OK);
    assert!(pull::step(&server.env).await.unwrap(), "others go on");

    assert_eq!(limit(&server, false).await["processing_limited"], false);
    server.expire().await;
    for _ in 0..2 {
        server.render().await;
    }
    for video in [&running, &waiting] {
        assert_eq!(server.video(&video["id"]).await["status"], "completed");
    }
    let attempts = "select attempt - released from jobs where id = $1::uuid";
    let id = text(&running["id"]).strip_prefix("video_").unwrap();
    let counted: i32 = sqlx::query_scalar(sqlx::AssertSqlSafe(attempts.replace("$1", &format!("'{id}'"))))
        .fetch_one(&server.pool)
        .await
        .unwrap();
    assert_eq!(counted, 1, "the attempt that was given back does not count");
}

#[tokio::test]
async fn a_job_that_was_scheduled_waits_on_when_its_time_comes_during_a_limitation() {
    let server = Server::start().await;
    let mut later = small();
    later["run_after"] = json!(chrono::Utc::now().timestamp() + 3600);
    let later = server.submit(later).await;
    limit(&server, true).await;
    sqlx::query("update jobs set run_at = now()").execute(&server.pool).await.unwrap();
    server.expire().await;
    assert!(!pull::step(&server.env).await.unwrap());
    limit(&server, false).await;
    server.expire().await;
    server.render().await;
    assert_eq!(server.video(&later["id"]).await["status"], "completed");
}

#[tokio::test]
async fn an_operator_can_limit_processing_and_the_account_reads_that() {
    let server = Server::start().await;
    let operator = server.operator().await;
    let path = format!("/v1/admin/accounts/{}", server.account);
    let (_, account) = server.ask_as(&operator, Method::PATCH, &path, json!({ "processing_limited": true })).await;
    assert_eq!(account["processing_limited"], true);
    assert_eq!(server.ask(Method::POST, "/v1/videos", small()).await.0, StatusCode::FORBIDDEN);
    limit(&server, true).await;
    let (status, answer) = server.ask(Method::PATCH, "/v1/account", json!({ "processing_limited": false })).await;
    assert_eq!((status, &answer["error"]["code"]), (StatusCode::FORBIDDEN, &json!("processing_limited")));
    let (_, log) = server.get("/v1/account/audit_log").await;
    assert_eq!(
        (&log["data"][0]["action"], &log["data"][0]["detail"]),
        (&json!("processing.limited"), &json!(["processing_limited"]))
    );
    server.ask_as(&operator, Method::PATCH, &path, json!({ "processing_limited": false })).await;
    assert_eq!(server.ask(Method::POST, "/v1/videos", small()).await.0, StatusCode::OK);
}
