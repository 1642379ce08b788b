use std::time::{Duration, Instant};

use clipmill_tests::Server;
use clipmill_tests::gate::Gate;
use clipmill_tests::process::until;
use clipmill_tests::server::{answer, small, text};
use reqwest::{Method, StatusCode};
use serde_json::Value;

/// Far less than the time that the requests would wait, far more than what they wait for takes.
const SOON: Duration = Duration::from_secs(30);

async fn wait(server: &Server, id: &Value, query: &str) -> Value {
    let started = Instant::now();
    let (status, video) = server.get(&format!("/v1/videos/{}?{query}", text(id))).await;
    assert_eq!(status, StatusCode::OK, "{video}");
    assert!(started.elapsed() < SOON, "it was not told");
    video
}

#[tokio::test]
async fn a_wait_ends_with_the_next_state_and_a_wait_for_the_end_with_the_end() {
    let gate = Gate::closed();
    let server = Server::with_engines(gate.engines()).await;
    let waited = async {
        // A submit knows the state before the next one, whenever the job is taken up.
        let submit = server.request(Method::POST, "/v1/videos?wait=60").json(&small());
        let (_, job) = answer(submit).await;
        assert_eq!(job["status"], "in_progress");
        let (end, ()) = tokio::join!(wait(&server, &job["id"], "wait=60&wait_for=end"), async { gate.open() });
        assert_eq!(end["status"], "completed");
        assert_eq!(wait(&server, &job["id"], "wait=60").await["status"], "completed", "what has ended is told at once");
    };
    tokio::join!(waited, rendered(&server));
}

/// Takes the next job to its end, as soon as there is one.
async fn rendered(server: &Server) {
    until("a job", async || clipmill_worker::pull::step(&server.env).await.unwrap()).await;
}

#[tokio::test]
async fn a_cancel_ends_a_wait() {
    let server = Server::start().await;
    let job = server.submit_small().await;
    let path = format!("/v1/videos/{}/cancel", text(&job["id"]));
    let (video, _) = tokio::join!(wait(&server, &job["id"], "wait=60"), answer(server.request(Method::POST, &path)));
    assert_eq!(video["status"], "cancelled");
}

#[tokio::test]
async fn a_submit_may_wait_too() {
    let server = Server::start().await;
    let submit = server.request(Method::POST, "/v1/videos?wait_for=end").header("prefer", "wait=60").json(&small());
    let (response, ()) = tokio::join!(submit.send(), rendered(&server));
    let response = response.unwrap();
    assert_eq!(response.headers()["preference-applied"], "wait=60");
    assert_eq!(response.json::<Value>().await.unwrap()["status"], "completed");
}

#[tokio::test]
async fn a_wait_that_is_over_shows_the_job_as_it_is() {
    let server = Server::start().await;
    let job = server.submit_small().await;
    assert_eq!(wait(&server, &job["id"], "wait=0").await["status"], "queued");
    assert_eq!(wait(&server, &job["id"], "wait=1").await["status"], "queued");
    for (query, field) in [("wait=61", "wait"), ("wait=x", "wait"), ("wait_for=x", "wait_for")] {
        let (status, body) = server.get(&format!("/v1/videos/{}?{query}", text(&job["id"]))).await;
        assert_eq!((status, &body["error"]["param"]), (StatusCode::BAD_REQUEST, &Value::from(field)));
    }
}
