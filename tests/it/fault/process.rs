//! Real worker processes, really killed.

use clipmill_tests::process::{signal, until, worker};
use clipmill_tests::server::text;
use clipmill_tests::{Receiver, Server};
use serde_json::{Value, json};

/// A job that renders for some seconds.
async fn submit_long(server: &Server, receiver: &Receiver) -> Value {
    let body = json!({
        "prompt": "clouds over mountains", "model": "pro", "size": "1920x1080", "seconds": 6, "webhook_url": receiver.url(),
    });
    server.submit(body).await
}

async fn rendering(server: &Server, job: &Value) {
    until("a render under way", async || server.video(&job["id"]).await["progress"].as_i64() > Some(0)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_killed_in_the_middle_of_a_render_is_replaced_without_any_hand() {
    let server = Server::start().await;
    let receiver = Receiver::answering([]).await;
    let mut first = worker(&server, &["--lease-seconds", "3"]).await;
    let job = submit_long(&server, &receiver).await;
    rendering(&server, &job).await;
    signal(&first, "-KILL").await;
    first.wait().await.unwrap();

    let second = worker(&server, &["--lease-seconds", "10"]).await;
    until("a completed job", async || server.video(&job["id"]).await["status"] == "completed").await;
    let video = server.video(&job["id"]).await;
    assert_eq!(video["attempt"], 2);
    until("a webhook", async || !receiver.messages().is_empty()).await;
    drop(second);
    assert_eq!(receiver.messages().len(), 1);
    let objects = server.objects(&video["id"]).await;
    assert!(
        objects.len() == 5 && objects.iter().all(|key| key.contains(&format!("{}/2/", text(&video["id"])))),
        "{objects:?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_that_slept_longer_than_its_lease_changes_nothing() {
    let server = Server::start().await;
    let receiver = Receiver::answering([]).await;
    let first = worker(&server, &["--lease-seconds", "3"]).await;
    let job = submit_long(&server, &receiver).await;
    rendering(&server, &job).await;
    signal(&first, "-STOP").await;
    let second = worker(&server, &["--lease-seconds", "10"]).await;
    until("the job in other hands", async || server.video(&job["id"]).await["attempt"] == 2).await;
    signal(&first, "-CONT").await;
    until("a completed job", async || server.video(&job["id"]).await["status"] == "completed").await;
    until("a webhook", async || !receiver.messages().is_empty()).await;
    drop((first, second));
    assert_eq!(server.video(&job["id"]).await["attempt"], 2);
    assert_eq!(receiver.messages().len(), 1);
    sqlx::query("update removals set due_at = now() where reason = 'superseded'").execute(&server.pool).await.unwrap();
    server.expire().await;
    let objects = server.objects(&job["id"]).await;
    assert!(objects.len() == 5 && objects.iter().all(|key| key.contains("/2/")), "{objects:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_told_to_stop_finishes_its_render_within_its_grace() {
    let server = Server::start().await;
    let receiver = Receiver::answering([]).await;
    let mut first = worker(&server, &["--grace-seconds", "60"]).await;
    let job = submit_long(&server, &receiver).await;
    let later = server.submit_small().await;
    rendering(&server, &job).await;
    signal(&first, "-TERM").await;
    assert!(first.wait().await.unwrap().success());
    assert_eq!(server.video(&job["id"]).await["status"], "completed");
    assert_eq!(server.video(&later["id"]).await["attempt"], 0, "it took nothing new");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_whose_grace_is_over_gives_its_job_back_uncounted() {
    let server = Server::start().await;
    let receiver = Receiver::answering([]).await;
    let mut first = worker(&server, &["--grace-seconds", "0"]).await;
    let job = submit_long(&server, &receiver).await;
    rendering(&server, &job).await;
    signal(&first, "-TERM").await;
    assert!(first.wait().await.unwrap().success());
    let video = server.video(&job["id"]).await;
    assert_eq!((video["status"].as_str(), video["attempt"].as_i64()), (Some("queued"), Some(1)));
    let released: i32 = sqlx::query_scalar("select released from jobs").fetch_one(&server.pool).await.unwrap();
    assert_eq!(released, 1);
}
