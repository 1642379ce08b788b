//! Whole jobs: at a store of other people, with a video that goes up while it is rendered, and with a worker that is killed meanwhile.

use clipmill_tests::process::{Puppet, until};
use clipmill_tests::proxy::{Proxy, Way};
use clipmill_tests::puppet::Act;
use clipmill_tests::server::{answer, text};
use clipmill_tests::trap::Trap;
use clipmill_tests::{Server, Setup};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use super::at::At;

async fn at(at: &At) -> Server {
    Server::with(Setup { store: Some(at.config.clone()), ..Setup::default() }).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_goes_from_submit_to_expiry_at_either_store() {
    for store in &At::each().await {
        let server = at(store).await;
        let job = server.completed().await;
        assert_is_whole(&server, &job).await;
        let content = server.request(Method::GET, &format!("/v1/videos/{}/content", text(&job["id"])));
        assert_eq!(content.send().await.unwrap().bytes().await.unwrap(), content_of(&server, &job).await);
        server.age_timers().await;
        server.expire().await;
        assert_eq!(server.video(&job["id"]).await["status"], "expired", "{}", store.name);
        assert!(store.storage.list("").await.unwrap().is_empty(), "{}", store.name);
    }
}

async fn content_of(server: &Server, job: &Value) -> Vec<u8> {
    let keys = server.objects(&job["id"]).await;
    let key = keys.iter().find(|key| key.ends_with("video.mp4")).unwrap();
    server.storage.read(key, 512 * 1024 * 1024).await.unwrap().into()
}

async fn assert_is_whole(server: &Server, job: &Value) {
    let outputs = job["outputs"].as_array().unwrap();
    let video = outputs.iter().find(|output| output["variant"] == "video").unwrap();
    assert_eq!(video["sha256"], hex::encode(Sha256::digest(content_of(server, job).await)), "{video}");
}

/// A job whose video is large long before its last frame, in the hands of a worker that reaches the store by a proxy.
async fn rendering(server: &Server) -> (Value, Puppet, Proxy) {
    let (database, store) = server.proxies().await;
    store.set_trap(Trap::before("partNumber=2", Way::Open));
    let body = json!({ "prompt": Act::HoldNoisy.prompt(), "model": "fast", "size": "1280x720", "seconds": 4 });
    let job = server.submit(body).await;
    let fragmented = r#"update jobs set output_options = output_options || '{"container": "fragmented_mp4"}'"#;
    sqlx::query(fragmented).execute(&server.pool).await.unwrap();
    let environment = server.environment_behind(&database, &store).await;
    let mut puppet = Puppet::start(environment, &["--grace-seconds", "60"]);
    puppet.held().await;
    store.sprung().await;
    (job, puppet, store)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_large_video_is_on_its_way_before_its_last_frame_is_drawn() {
    let server = Server::start().await;
    let (job, mut puppet, _store) = rendering(&server).await;
    assert_eq!(server.video(&job["id"]).await["status"], "in_progress");
    assert!(server.objects(&job["id"]).await.is_empty(), "nothing is to be seen of it");
    puppet.go_on().await;
    until("a completed job", async || server.video(&job["id"]).await["status"] == "completed").await;
    puppet.finish().await;
    assert_is_whole(&server, &server.video(&job["id"]).await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_killed_during_an_upload_leaves_nothing_that_a_sweep_does_not_find() {
    let store = At::rclone().await;
    let server = at(&store).await;
    let (job, mut puppet, _proxy) = rendering(&server).await;
    assert_eq!(begun(&store).await, 1);
    puppet.signal("-KILL").await;
    puppet.ended().await;
    server.age_leases().await;
    server.expire().await;
    server.age_timers().await;
    server.expire().await;
    assert_eq!(begun(&store).await, 0);
    assert!(store.storage.list("").await.unwrap().is_empty());
    let cancel = server.request(Method::POST, &format!("/v1/videos/{}/cancel", text(&job["id"])));
    assert_eq!(answer(cancel).await.0, StatusCode::OK);
}

async fn begun(store: &At) -> usize {
    store.storage.survey_uploads("", None).await.unwrap().expect("a server that lists them").items.len()
}
