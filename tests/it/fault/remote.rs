//! Model servers and the workers that drive them, struck.

use std::net::{SocketAddr, TcpListener};
use std::path::PathBuf;

use clipmill_shared::tier::Tier;
use clipmill_tests::Server;
use clipmill_tests::process::{binary, signal, until, worker};
use clipmill_tests::remote::{Manner, ModelServer, section};
use clipmill_tests::server::text;
use clipmill_worker::engine::remote::profile::Profile;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::flow::remote::engines;

/// A tiers file for processes of their own.
struct File(TempDir);

impl File {
    fn new(tiers: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("tiers.toml"), tiers).unwrap();
        Self(folder)
    }

    fn path(&self) -> PathBuf {
        self.0.path().join("tiers.toml")
    }
}

async fn held(profile: Profile) -> (ModelServer, Server) {
    let models = ModelServer::start(Manner::of(profile)).await;
    models.hold(true);
    let server = Server::with_engines(engines(&models.section("fast"))).await;
    (models, server)
}

async fn remote(server: &Server) -> Option<Value> {
    sqlx::query_scalar("select remote from jobs").fetch_one(&server.pool).await.unwrap()
}

async fn noted(server: &Server) {
    until("a note of where it is rendered", async || remote(server).await.is_some()).await;
}

async fn cancel(server: &Server, job: &Value) {
    let path = format!("/v1/videos/{}/cancel", text(&job["id"]));
    assert_eq!(server.ask(Method::POST, &path, Value::Null).await.0, StatusCode::OK);
}

async fn status(server: &Server, job: &Value) -> Value {
    server.video(&job["id"]).await["status"].clone()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_that_was_killed_and_comes_back_goes_on_with_the_render_that_runs() {
    let (models, server) = held(Profile::Sglang).await;
    let file = File::new(&models.section("fast"));
    let path = file.path().display().to_string();
    let arguments = ["--worker-name", "gpu-7", "--tiers", "fast", "--tiers-file", &path];
    let mut first = worker(&server, &arguments).await;
    let job = server.submit_small().await;
    noted(&server).await;
    signal(&first, "-KILL").await;
    first.wait().await.unwrap();

    let _second = worker(&server, &arguments).await;
    until("the next attempt", async || server.video(&job["id"]).await["attempt"] == 2).await;
    models.hold(false);
    until("its end", async || status(&server, &job).await == "completed").await;
    assert_eq!(models.submitted().len(), 1, "one render, which two workers followed");
    let released: i32 = sqlx::query_scalar("select released from jobs").fetch_one(&server.pool).await.unwrap();
    assert_eq!(released, 1, "the attempt that was cut off does not count");
}

#[tokio::test(flavor = "multi_thread")]
async fn two_workers_of_one_name_on_one_machine_take_nothing_from_each_other() {
    let (models, server) = held(Profile::Sglang).await;
    let idle = ModelServer::start(Manner::of(Profile::Sglang)).await;
    let files = [File::new(&models.section("fast")), File::new(&idle.section("fast"))];
    let [one, two] = files.each_ref().map(|file| file.path().display().to_string());
    let _first = worker(&server, &["--worker-name", "gpu", "--tiers", "fast", "--tiers-file", &one]).await;
    let job = server.submit_small().await;
    noted(&server).await;
    let _second = worker(&server, &["--worker-name", "gpu", "--tiers", "fast", "--tiers-file", &two]).await;
    let next = server.submit_small().await;
    until("the second worker's video", async || status(&server, &next).await == "completed").await;
    assert_eq!(server.video(&job["id"]).await["attempt"], 1);
    models.hold(false);
    until("the first worker's video", async || status(&server, &job).await == "completed").await;
    assert_eq!((models.submitted().len(), idle.submitted().len()), (1, 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_told_to_stop_leaves_the_render_to_the_next() {
    let (models, server) = held(Profile::VllmOmni).await;
    let file = File::new(&models.section("fast"));
    let path = file.path().display().to_string();
    let mut first = worker(&server, &["--tiers", "fast", "--grace-seconds", "0", "--tiers-file", &path]).await;
    let job = server.submit_small().await;
    noted(&server).await;
    signal(&first, "-TERM").await;
    assert!(first.wait().await.unwrap().success());
    assert_eq!((status(&server, &job).await, models.is_busy()), (json!("queued"), true));
    models.hold(false);
    server.render().await;
    assert_eq!((status(&server, &job).await, models.submitted().len()), (json!("completed"), 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cancel_ends_the_render_where_the_server_can_end_it() {
    let (models, server) = held(Profile::VllmOmni).await;
    let running = tokio::spawn(clipmill_worker::run(server.env.clone()));
    let job = server.submit_small().await;
    noted(&server).await;
    cancel(&server, &job).await;
    until("a free GPU", async || !models.is_busy()).await;
    assert!(models.count(&Method::DELETE, "/v1/videos/") >= 2, "the first one only begins to end it");
    models.hold(false);
    let next = server.submit_small().await;
    until("the next video", async || status(&server, &next).await == "completed").await;
    server.env.stop.cancel();
    running.await.unwrap().unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn where_the_server_cannot_end_a_render_the_gpu_stays_busy_and_the_fleet_says_so() {
    let (models, server) = held(Profile::Sglang).await;
    let operator = server.operator().await;
    let running = tokio::spawn(clipmill_worker::run(server.env.clone()));
    let job = server.submit_small().await;
    noted(&server).await;
    cancel(&server, &job).await;
    let state = async || {
        let (_, list) = server.ask_as(&operator, Method::GET, "/v1/admin/workers", Value::Null).await;
        list["data"][0]["state"].clone()
    };
    until("an honest word", async || state().await == "occupied").await;
    let next = server.submit_small().await;
    assert_eq!((status(&server, &next).await, models.submitted().len()), (json!("queued"), 1), "it would wait unseen");
    models.hold(false);
    until("the next video", async || status(&server, &next).await == "completed").await;
    until("a free GPU", async || state().await == "ready").await;
    assert_eq!(models.records(), 0);
    server.env.stop.cancel();
    running.await.unwrap().unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_render_that_a_restart_of_the_server_lost_is_tried_again() {
    let (models, server) = held(Profile::Sglang).await;
    let running = tokio::spawn(clipmill_worker::run(server.env.clone()));
    let job = server.submit_small().await;
    noted(&server).await;
    models.restart();
    until("a pause before the next try", async || status(&server, &job).await == "queued").await;
    models.hold(false);
    server.age_timers().await;
    until("its end", async || status(&server, &job).await == "completed").await;
    assert_eq!((&server.video(&job["id"]).await["attempt"], models.submitted().len()), (&json!(2), 2));
    server.env.stop.cancel();
    running.await.unwrap().unwrap();
}

/// The process at an address, if it answers.
async fn pid(url: &str) -> Option<String> {
    reqwest::get(format!("{url}/pid")).await.ok()?.text().await.ok()
}

/// A section with a server of the worker's own, and where that listens.
fn owned() -> (String, String) {
    let address: SocketAddr = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let (url, program) = (format!("http://{address}"), binary("model-server"));
    let server = format!(
        "[fast.server]\ncommand = [{program:?}, \"--listen\", \"{address}\", \"--hold\"]\nrestart_to_cancel = true\nstop_seconds = 5\n"
    );
    (section("fast", Profile::Sglang, &url) + &server, url)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_of_the_workers_own_is_started_restarted_to_cancel_and_ended() {
    let (tiers, url) = owned();
    let server = Server::with_engines(engines(&tiers)).await;
    let running = tokio::spawn(clipmill_worker::run(server.env.clone()));
    until("a server", async || pid(&url).await.is_some()).await;
    let first = pid(&url).await;
    let job = server.submit_small().await;
    noted(&server).await;
    cancel(&server, &job).await;
    until("another process", async || pid(&url).await.is_some_and(|now| Some(now) != first)).await;
    let engine = server.env.engines[&Tier::Fast].clone();
    until("a ready server", async || engine.is_ready()).await;
    let measured = tokio::task::spawn_blocking(move || engine.metrics()).await.unwrap();
    assert!(measured.starts_with("clipmill_engine_film_renders{server=\"http://127.0.0.1:"), "{measured}");
    server.env.stop.cancel();
    running.await.unwrap().unwrap();
    assert_eq!(pid(&url).await, None, "it ends with its worker");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_dies_is_started_again_and_one_that_a_killed_worker_left_is_ended() {
    let (tiers, url) = owned();
    let server = Server::start().await;
    let file = File::new(&tiers);
    let path = file.path().display().to_string();
    let arguments = ["--worker-name", "own", "--tiers", "fast", "--tiers-file", &path];
    let mut first = worker(&server, &arguments).await;
    until("a server", async || pid(&url).await.is_some()).await;
    let mut known = pid(&url).await.unwrap();
    let kill = async |pid: &str| tokio::process::Command::new("kill").args(["-KILL", pid]).status().await.unwrap();
    kill(&known).await;
    until("another process", async || pid(&url).await.is_some_and(|now| now != known)).await;
    known = pid(&url).await.unwrap();

    signal(&first, "-KILL").await;
    first.wait().await.unwrap();
    assert_eq!(pid(&url).await.as_ref(), Some(&known), "nobody ended it");
    let mut second = worker(&server, &arguments).await;
    until("a server of the second worker", async || pid(&url).await.is_some_and(|now| now != known)).await;
    signal(&second, "-TERM").await;
    assert!(second.wait().await.unwrap().success());
    assert_eq!(pid(&url).await, None);
}
