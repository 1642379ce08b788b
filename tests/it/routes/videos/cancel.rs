use clipmill_shared::tier::Tier;
use clipmill_tests::gate::Gate;
use clipmill_tests::process::until;
use clipmill_tests::puppet::Act;
use clipmill_tests::server::{answer, small, text};
use clipmill_tests::{Server, puppet};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

#[tokio::test]
async fn a_waiting_job_is_cancelled_and_stays_so() {
    let server = Server::start().await;
    let id = server.submit_small().await["id"].clone();
    let path = format!("/v1/videos/{}/cancel", text(&id));
    let (status, first) = answer(server.request(Method::POST, &path)).await;
    assert_eq!((status, first["status"].as_str()), (StatusCode::OK, Some("cancelled")));
    assert!(first["cancelled_at"].is_i64());
    let (status, again) = answer(server.request(Method::POST, &path)).await;
    assert_eq!((status, again["cancelled_at"].clone()), (StatusCode::OK, first["cancelled_at"].clone()));
    assert!(!clipmill_worker::pull::step(&server.env).await.unwrap(), "nobody renders it");
}

#[tokio::test]
async fn a_finished_job_cannot_be_cancelled() {
    let server = Server::start().await;
    let video = server.completed().await;
    let response =
        server.request(Method::POST, &format!("/v1/videos/{}/cancel", text(&video["id"]))).send().await.unwrap();
    assert_eq!(response.status(), StatusCode::CONFLICT);
    assert_eq!(response.headers()["x-should-retry"], "false");
    assert_eq!(server.video(&video["id"]).await["status"], "completed");
}

async fn cancel(server: &Server, job: &Value) -> (StatusCode, Value) {
    answer(server.request(Method::POST, &format!("/v1/videos/{}/cancel", text(&job["id"])))).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_running_job_is_cancelled_and_its_worker_can_not_complete_it() {
    let gate = Gate::closed();
    let server = Server::with_engines(gate.engines()).await;
    let job = server.submit_small().await;
    let env = server.env.clone();
    let rendering = tokio::spawn(async move { clipmill_worker::pull::step(&env).await });
    until("a render at the gate", async || gate.is_reached()).await;
    for _ in 0..2 {
        let (status, video) = cancel(&server, &job).await;
        assert_eq!((status, video["status"].as_str()), (StatusCode::OK, Some("cancelled")));
    }
    gate.open();
    assert!(rendering.await.unwrap().unwrap());
    assert_eq!(server.video(&job["id"]).await["status"], "cancelled");
    server.age_timers().await;
    server.expire().await;
    assert!(server.objects(&job["id"]).await.is_empty());
}

#[tokio::test]
async fn a_job_that_has_ended_in_another_way_is_not_cancelled() {
    let mut engines = clipmill_worker::preview_engines();
    engines.extend(puppet::engines().into_iter().filter(|(tier, _)| *tier == Tier::Pro));
    let server = Server::with_engines(engines).await;
    let mut failing = small();
    failing["model"] = json!("pro");
    failing["prompt"] = json!(Act::Fail.prompt());
    let failed = server.submit(failing).await;
    for _ in 0..3 {
        server.render().await;
        server.age_timers().await;
    }
    let expired = server.completed().await;
    server.age_timers().await;
    server.expire().await;
    let completed = server.completed().await;
    for (job, state) in [(&completed, "completed"), (&failed, "failed"), (&expired, "expired")] {
        let (status, problem) = cancel(&server, job).await;
        assert_eq!((status, problem["error"]["code"].as_str()), (StatusCode::CONFLICT, Some("video_not_cancellable")));
        assert_eq!(server.video(&job["id"]).await["status"], state);
    }
    answer(server.request(Method::DELETE, &format!("/v1/videos/{}", text(&completed["id"])))).await;
    assert_eq!(cancel(&server, &completed).await.0, StatusCode::NOT_FOUND);
}
