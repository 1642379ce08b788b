//! Jobs that must not run before a moment, or not be unfinished after one.

use std::sync::Arc;

use clipmill_shared::tier::Tier;
use clipmill_tests::endless::Endless;
use clipmill_tests::process::until;
use clipmill_tests::server::{answer, small, text};
use clipmill_tests::{Receiver, Server};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

fn with(fields: Value) -> Value {
    let mut body = small();
    body.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
    body
}

async fn pass_deadlines(server: &Server) {
    let aged = "update jobs set deadline_at = now() where deadline_at is not null";
    sqlx::query(aged).execute(&server.pool).await.unwrap();
}

#[tokio::test]
async fn a_job_that_waits_beyond_its_deadline_fails_and_its_customer_is_told() {
    let server = Server::start().await;
    let receiver = Receiver::answering([]).await;
    let job = server.submit(with(json!({ "timeout_seconds": 60, "webhook_url": receiver.url() }))).await;
    assert_eq!(job["deadline_at"].as_i64().unwrap() - job["created_at"].as_i64().unwrap(), 60);
    server.expire().await;
    assert_eq!(server.video(&job["id"]).await["status"], "queued", "its time is not over yet");
    pass_deadlines(&server).await;
    assert!(!clipmill_worker::pull::step(&server.env).await.unwrap(), "nobody begins what cannot be finished in time");
    server.expire().await;
    let failed = server.video(&job["id"]).await;
    assert_eq!((&failed["status"], &failed["error"]["code"]), (&json!("failed"), &json!("deadline_exceeded")));
    server.notify().await;
    assert_eq!(receiver.messages()[0].json()["type"], "video.failed");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_that_runs_beyond_its_deadline_fails_and_frees_its_gpu() {
    let mut engines = clipmill_worker::preview_engines();
    engines.insert(Tier::Pro, Arc::new(Endless));
    let server = Server::with_engines(engines).await;
    let running = tokio::spawn(clipmill_worker::run(server.env.clone()));
    let endless = server.submit(with(json!({ "model": "pro", "timeout_seconds": 3600 }))).await;
    until("a running job", async || server.video(&endless["id"]).await["status"] == "in_progress").await;
    let next = server.submit_small().await;
    pass_deadlines(&server).await;
    until("the next job on the same GPU", async || server.video(&next["id"]).await["status"] == "completed").await;
    assert_eq!(server.video(&endless["id"]).await["error"]["code"], "deadline_exceeded");
    server.env.stop.cancel();
    running.await.unwrap().unwrap();
}

#[tokio::test]
async fn a_scheduled_job_waits_for_its_moment_and_then_stands_in_line() {
    let server = Server::start().await;
    let moment = chrono::Utc::now().timestamp() + 3600;
    let job = server.submit(with(json!({ "run_after": moment, "timeout_seconds": 10 }))).await;
    assert_eq!((&job["run_after"], &job["queue_position"]), (&json!(moment), &Value::Null));
    assert_eq!(job["deadline_at"], json!(moment + 10), "its time begins when it may run");
    server.expire().await;
    assert!(!clipmill_worker::pull::step(&server.env).await.unwrap());

    sqlx::query("update jobs set run_at = now()").execute(&server.pool).await.unwrap();
    server.expire().await;
    let admitted = server.video(&job["id"]).await;
    assert_eq!((&admitted["queue_position"], &admitted["run_after"]), (&json!(0), &Value::Null));
    server.render().await;
    assert_eq!(server.video(&job["id"]).await["status"], "completed");
}

#[tokio::test]
async fn a_moment_that_has_passed_is_no_schedule_and_one_too_far_ahead_is_refused() {
    let server = Server::start().await;
    let past = server.submit(with(json!({ "run_after": 0 }))).await;
    assert_eq!((&past["run_after"], &past["queue_position"]), (&Value::Null, &json!(0)));
    let moment = chrono::Utc::now().timestamp() + 31 * 24 * 3600;
    for field in [json!(moment), json!(-1), json!(i64::MAX)] {
        let body = with(json!({ "run_after": field }));
        let (status, error) = answer(server.request(Method::POST, "/v1/videos").json(&body)).await;
        assert_eq!((status, &error["error"]["param"]), (StatusCode::BAD_REQUEST, &json!("run_after")), "{error}");
        assert!(text(&error["error"]["message"]).contains("30 days"));
    }
}
