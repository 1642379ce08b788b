//! The fleet as those see it who run it: who is there, what it does, and what is said to it.

use clipmill_shared::fleet::{self, Served, process};
use clipmill_shared::jobs::lease::{self, Ability, Lease};
use clipmill_shared::jobs::options::Codec;
use clipmill_shared::tier::Tier;
use clipmill_tests::Server;
use clipmill_tests::process::{signal, until, worker};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use std::time::Duration;

const LEASE: Duration = Duration::from_secs(30);
const NAME: &str = "gpu-7-01934b6c2a7e7c3e9b1f0a2d4c6e8f10";

async fn submit(server: &Server, model: &str) -> Value {
    let body = json!({ "prompt": "a fox", "model": model, "size": "256x144", "seconds": 1 });
    let (status, video) = server.ask(Method::POST, "/v1/videos", body).await;
    assert_eq!(status, StatusCode::OK, "{video}");
    video
}

async fn claim(server: &Server, worker: &str) -> Option<Lease> {
    lease::claim(&server.pool, Ability::of(&Tier::ALL), worker, LEASE).await.unwrap()
}

/// As the worker of this name says it itself.
async fn report(server: &Server, name: &str) {
    let process = process::Process {
        name: name.to_owned(),
        host: "rack-3".to_owned(),
        version: "1.2.3".to_owned(),
        state: process::State::Ready,
        engines: vec![process::Engine { tier: Tier::Pro, engine: "wan".to_owned(), model: Some("Wan2.2".to_owned()) }],
        encoders: json!({ "h264": "libx264" }),
        gpus: vec![process::Gpu {
            name: "NVIDIA H100".to_owned(),
            memory_bytes: 80 << 30,
            memory_used_bytes: 60 << 30,
            utilization_percent: Some(97),
            temperature_celsius: None,
        }],
        identity: None,
    };
    process::report(&server.pool, &process).await.unwrap();
    let served = Tier::ALL.map(|tier| Served { tier, pace: None, offer: None });
    fleet::report(&server.pool, name, 1, &[Codec::H264], &served).await.unwrap();
}

#[tokio::test]
async fn an_operator_sees_each_worker_and_what_it_does() {
    let server = Server::start().await;
    let operator = server.operator().await;
    report(&server, NAME).await;
    let video = submit(&server, "pro").await;
    let lease = claim(&server, NAME).await.expect("a job");
    lease.renew(&server.pool, 40).await.unwrap();
    let (status, list) = server.ask_as(&operator, Method::GET, "/v1/admin/workers", Value::Null).await;
    assert_eq!(status, StatusCode::OK, "{list}");
    let seen = &list["data"][0];
    assert_eq!((&seen["name"], &seen["host"], &seen["version"]), (&json!(NAME), &json!("rack-3"), &json!("1.2.3")));
    assert_eq!((&seen["state"], &seen["draining"]), (&json!("ready"), &json!(false)));
    assert_eq!(seen["engines"], json!([{ "tier": "pro", "engine": "wan", "model": "Wan2.2" }]));
    assert_eq!(seen["encoders"], json!({ "h264": "libx264" }));
    assert_eq!(seen["gpus"][0]["memory_bytes"], json!(80_u64 << 30));
    assert_eq!(seen["gpus"][0]["temperature_celsius"], Value::Null);
    let job = &seen["jobs"][0];
    assert_eq!((&job["id"], &job["attempt"], &job["progress"]), (&video["id"], &json!(1), &json!(40)));
    let age = seen["seen_at"].as_i64().unwrap() - job["since"].as_i64().unwrap();
    assert!((-5..=5).contains(&age), "it has just begun: {seen}");
    lease.release(&server.pool).await.unwrap();

    sqlx::query("update worker_processes set seen_at = now() - interval '31 seconds'")
        .execute(&server.pool)
        .await
        .unwrap();
    let (_, list) = server.ask_as(&operator, Method::GET, "/v1/admin/workers", Value::Null).await;
    assert_eq!((&list["data"][0]["state"], &list["data"][0]["jobs"]), (&json!("silent"), &json!([])));
    server.ask(Method::POST, &format!("/v1/videos/{}/cancel", video["id"].as_str().unwrap()), Value::Null).await;
}

#[tokio::test]
async fn a_customers_key_learns_nothing_of_the_fleet() {
    let server = Server::start().await;
    for (method, path) in [
        (Method::GET, "/v1/admin/workers"),
        (Method::POST, "/v1/admin/workers/gpu-7/drain"),
        (Method::POST, "/v1/admin/tiers/fast/pause"),
    ] {
        assert_eq!(server.ask(method, path, Value::Null).await.0, StatusCode::UNAUTHORIZED, "{path}");
    }
}

#[tokio::test]
async fn a_drained_worker_takes_no_job_until_it_is_resumed() {
    let server = Server::start().await;
    let operator = server.operator().await;
    let say = async |path: &str| server.ask_as(&operator, Method::POST, path, Value::Null).await;
    report(&server, NAME).await;
    submit(&server, "fast").await;
    assert_eq!(say("/v1/admin/workers/gpu-8/drain").await.0, StatusCode::NOT_FOUND);
    // By the name of all that are configured so, and by that of this one.
    for name in ["gpu-7", NAME] {
        let (status, list) = say(&format!("/v1/admin/workers/{name}/drain")).await;
        assert_eq!(status, StatusCode::OK, "{list}");
        assert_eq!((&list["draining"], &list["data"][0]["draining"]), (&json!([name]), &json!(true)));
        assert!(claim(&server, NAME).await.is_none(), "{name}");
        let another = claim(&server, "gpu-70-01934b6c2a7e7c3e9b1f0a2d4c6e8f10").await;
        another.expect("another worker goes on").release(&server.pool).await.unwrap();
        let fleet = fleet::read(&server.pool).await.unwrap();
        assert!(fleet.workers.is_empty(), "nothing is expected of it");
        assert_eq!(say(&format!("/v1/admin/workers/{name}/resume")).await.0, StatusCode::OK);
        assert_eq!(say(&format!("/v1/admin/workers/{name}/resume")).await.0, StatusCode::NOT_FOUND);
        let again = claim(&server, NAME).await.expect("the job that waited");
        again.release(&server.pool).await.unwrap();
    }
}

#[tokio::test]
async fn of_a_paused_tier_no_job_is_taken_and_the_other_goes_on() {
    let server = Server::start().await;
    let operator = server.operator().await;
    let say = async |path: &str| server.ask_as(&operator, Method::POST, path, Value::Null).await;
    let (fast, pro) = (submit(&server, "fast").await, submit(&server, "pro").await);
    assert_eq!(say("/v1/admin/tiers/ultra/pause").await.0, StatusCode::NOT_FOUND);
    let (status, list) = say("/v1/admin/tiers/fast/pause").await;
    assert_eq!(status, StatusCode::OK, "{list}");
    assert_eq!((&list["paused_tiers"][0]["tier"], &list["paused_tiers"][0]["by"]), (&json!("fast"), &json!("grace")));
    let taken = claim(&server, "any").await.expect("the other tier's");
    assert_eq!(json!(taken.job().id), pro["id"]);
    assert!(claim(&server, "any").await.is_none());
    assert_eq!(submit(&server, "fast").await["status"], "queued");
    say("/v1/admin/tiers/fast/resume").await;
    let waited = claim(&server, "any").await.expect("the job that waited");
    assert_eq!(json!(waited.job().id), fast["id"]);
    for lease in [taken, waited, claim(&server, "any").await.expect("the last")] {
        lease.release(&server.pool).await.unwrap();
    }
}

#[tokio::test]
async fn a_worker_process_is_on_the_list_while_it_lives() {
    let server = Server::start().await;
    let operator = server.operator().await;
    let list = async || server.ask_as(&operator, Method::GET, "/v1/admin/workers", Value::Null).await.1;
    let mut child = worker(&server, &["--worker-name", "here", "--tiers", "fast"]).await;
    until("a ready worker", async || list().await["data"][0]["state"] == "ready").await;
    let seen = list().await["data"][0].clone();
    assert!(seen["name"].as_str().unwrap().starts_with("here-"), "{seen}");
    assert_eq!(seen["version"], env!("CARGO_PKG_VERSION"));
    assert!(!seen["host"].as_str().unwrap().is_empty());
    assert_eq!(seen["engines"][0]["engine"], "preview");
    signal(&child, "-TERM").await;
    assert!(child.wait().await.unwrap().success());
    assert_eq!(list().await["data"], json!([]));
}

#[tokio::test]
async fn the_metrics_say_how_long_the_fleet_needs_for_what_waits() {
    let server = Server::start().await;
    let gauge = async |name: &str| {
        let text = server.anonymous(Method::GET, "/metrics").send().await.unwrap().text().await.unwrap();
        let line = format!("{name}{{tier=\"pro\"}} ");
        text.lines().find_map(|text| text.strip_prefix(&line)).unwrap_or_else(|| panic!("no {line}")).parse::<f64>()
    };
    for _ in 0..6 {
        submit(&server, "pro").await;
    }
    let load = async || {
        let loads = fleet::load::read(&server.pool).await.unwrap();
        loads.into_iter().find(|load| load.tier == Tier::Pro).unwrap()
    };
    assert_eq!((load().await.waiting, load().await.gpus, load().await.queue_seconds), (6, 0, 360.0));
    let pace = Some(fleet::Pace { gpu_seconds: 20.0, unit_seconds: 1.0 });
    for (name, gpus) in [("one", 1), ("two", 3)] {
        let served = [Served { tier: Tier::Pro, pace, offer: None }];
        fleet::report(&server.pool, name, gpus, &[Codec::H264], &served).await.unwrap();
    }
    // Six jobs of twenty seconds on four GPUs.
    assert_eq!((load().await.gpus, load().await.queue_seconds), (4, 30.0));
    assert!(gauge("clipmill_queue_seconds").await.unwrap() > 0.0);
    let mut taken = Vec::new();
    while let Some(lease) = claim(&server, "any").await {
        taken.push(lease);
    }
    assert_eq!((load().await.queue_seconds, load().await.running), (0.0, 6));
    for lease in taken {
        lease.release(&server.pool).await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_metrics_say_how_long_jobs_waited_for_their_first_attempt() {
    let server = Server::start().await;
    let waited = async || {
        let text = server.anonymous(Method::GET, "/metrics").send().await.unwrap().text().await.unwrap();
        let sum = text.lines().find_map(|line| line.strip_prefix("clipmill_wait_seconds_sum{tier=\"fast\"} "));
        sum.map_or(0.0, |sum| sum.parse::<f64>().unwrap())
    };
    server.submit_small().await;
    sqlx::query("update jobs set run_at = now() - interval '1 hour'").execute(&server.pool).await.unwrap();
    let before = waited().await;
    assert!(clipmill_worker::pull::step(&server.env).await.unwrap());
    // Other tests of this process wait too, for less.
    assert!(waited().await >= before + 3600.0);
}
