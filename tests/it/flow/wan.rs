//! The Wan engine through the whole service, with tiny random models: what comes out is noise, but it comes out.

use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use clipmill_shared::id::JobId;
use clipmill_tests::process::{signal, until, worker};
use clipmill_tests::receiver::Receiver;
use clipmill_tests::server::{answer, text};
use clipmill_tests::{Server, picture, video};
use clipmill_worker::env::Engines;
use clipmill_worker::tiers::Tiers;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use tempfile::TempDir;

/// Fast from the 5B model with distilled steps, Pro from two experts with guidance.
const TIERS: &str = r#"
    [fast]
    engine = "wan"
    folder = "GOLDEN/ti2v5b"
    sizes = ["96x64", "64x96"]
    fps = 8
    max_frames = 17
    steps = [1000, 500]
    shift = 5.0

    [pro]
    engine = "wan"
    folder = "GOLDEN/t2v22"
    sizes = ["80x64"]
    fps = 8
    max_frames = 9
    steps = 6
    guidance = 4.0
    guidance_low = 3.0
"#;

/// A tiers file, beside nothing else.
struct Configured(TempDir);

impl Configured {
    fn new(tiers: &str) -> Self {
        let golden = Path::new(env!("CARGO_MANIFEST_DIR")).join("golden/wan");
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("tiers.toml"), tiers.replace("GOLDEN", golden.to_str().unwrap())).unwrap();
        Self(folder)
    }

    fn file(&self) -> PathBuf {
        self.0.path().join("tiers.toml")
    }

    fn engines(&self) -> Engines {
        Tiers::read(&self.file()).unwrap().engines(&clipmill_wan::Device::Cpu, None).unwrap()
    }
}

async fn start(tiers: &str) -> Server {
    Server::with_engines(Configured::new(tiers).engines()).await
}

fn prompt(model: &str) -> Value {
    json!({ "prompt": "A red  fox runs &amp; jumps over snow", "model": model, "seconds": 1, "fps": 8, "seed": 7 })
}

/// Submits a job of this size and takes it to its end.
async fn render(server: &Server, mut body: Value, size: &str) -> (Value, Vec<u8>) {
    body["size"] = json!(size);
    let job = server.submit(body).await;
    server.render().await;
    let job = server.video(&job["id"]).await;
    assert_eq!(job["status"], "completed", "{job}");
    let content = server.request(Method::GET, &format!("/v1/videos/{}/content", text(&job["id"])));
    (job, content.send().await.unwrap().bytes().await.unwrap().into())
}

fn assert_is_video(bytes: &[u8], width: u32, height: u32) {
    let stream = &video::ffprobe(bytes)["streams"][0];
    assert_eq!((stream["width"].as_u64(), stream["height"].as_u64()), (Some(width.into()), Some(height.into())));
    assert_eq!((&stream["nb_read_frames"], &stream["r_frame_rate"]), (&json!("8"), &json!("8/1")));
}

#[tokio::test]
async fn a_prompt_becomes_a_video_in_both_tiers_and_the_customer_is_told() {
    let (server, receiver) = (start(TIERS).await, Receiver::answering([200, 200]).await);
    for (model, size, width, height) in [("fast", "96x64", 96, 64), ("pro", "80x64", 80, 64)] {
        let mut body = prompt(model);
        body["webhook_url"] = json!(receiver.url());
        let (job, bytes) = render(&server, body, size).await;
        assert_is_video(&bytes, width, height);
        assert_eq!(server.notify().await, 1);
        assert_eq!(receiver.messages().last().unwrap().json()["data"]["id"], job["id"]);
    }
}

#[tokio::test]
async fn the_same_seed_gives_the_same_video_and_another_seed_another() {
    let server = start(TIERS).await;
    let (_, first) = render(&server, prompt("fast"), "96x64").await;
    let (_, again) = render(&server, prompt("fast"), "96x64").await;
    let mut other = prompt("fast");
    other["seed"] = json!(8);
    let (_, other) = render(&server, other, "96x64").await;
    let frame = |bytes: &[u8]| video::frame(bytes, 7, 96, 64);
    assert_eq!(frame(&first), frame(&again));
    assert_ne!(frame(&first), frame(&other));
}

#[tokio::test]
async fn a_picture_takes_part_in_the_video() {
    let server = start(TIERS).await;
    let mut body = prompt("fast");
    body["input_reference"] = json!(format!("data:image/jpeg;base64,{}", BASE64.encode(picture::COFFEE)));
    let (job, with) = render(&server, body, "96x64").await;
    assert_eq!(job["mode"], "image_to_video");
    let (_, without) = render(&server, prompt("fast"), "96x64").await;
    assert_is_video(&with, 96, 64);
    assert_ne!(video::frame(&with, 0, 96, 64), video::frame(&without, 0, 96, 64));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_fleet_offers_is_shown_and_nothing_else_is_accepted() {
    let server = start(TIERS).await;
    let running = tokio::spawn(clipmill_worker::run(server.env.clone()));
    let offer = async |id: &str| {
        let (_, models) = server.get("/v1/videos/models").await;
        models["data"].as_array().unwrap().iter().find(|model| model["id"] == id).unwrap().clone()
    };
    until("the fleet's offer", async || offer("pro").await["renders_with"] == "t2v22").await;
    let (fast, pro) = (offer("fast").await, offer("pro").await);
    assert_eq!(pro["modes"], json!(["text_to_video"]));
    assert_eq!(fast["modes"], json!(["text_to_video", "image_to_video"]));
    assert_eq!((&fast["sizes"], &fast["any_size"]), (&json!(["96x64", "64x96"]), &json!(false)));
    assert_eq!(
        (&fast["fps"], &fast["bands"][0]["max_seconds"]),
        (&json!({"min": 8, "max": 8, "default": 8}), &json!(2))
    );

    let image = format!("data:image/jpeg;base64,{}", BASE64.encode(picture::COFFEE));
    for (field, body) in [
        ("size", json!({ "model": "fast", "size": "1280x720" })),
        ("fps", json!({ "model": "fast", "fps": 24 })),
        ("seconds", json!({ "model": "fast", "seconds": 3 })),
        ("input_reference", json!({ "model": "pro", "input_reference": image })),
        ("last_frame", json!({ "model": "fast", "input_reference": image, "last_frame": image })),
    ] {
        let mut body = body;
        body["prompt"] = json!("a fox");
        let (status, refused) = answer(server.request(Method::POST, "/v1/videos").json(&body)).await;
        assert_eq!((status, refused["error"]["param"].as_str()), (StatusCode::BAD_REQUEST, Some(field)), "{refused}");
    }
    // What is left out follows the offer, too: the size from the shape of the picture.
    let job = server.submit(json!({ "prompt": "a fox", "model": "fast", "input_reference": image })).await;
    assert_eq!((&job["size"], &job["fps"], &job["seconds"]), (&json!("96x64"), &json!(8), &json!("2")));
    until("its end", async || server.video(&job["id"]).await["status"] == "completed").await;
    server.env.stop.cancel();
    running.await.unwrap().unwrap();
}

/// So many steps that a render lasts until it is stopped.
fn endless() -> String {
    TIERS.replace("steps = 6", "steps = 1000")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cancel_in_the_middle_of_denoising_frees_the_model_for_the_next_job() {
    let server = start(&endless()).await;
    let running = tokio::spawn(clipmill_worker::run(server.env.clone()));
    let mut body = prompt("pro");
    body["size"] = json!("80x64");
    let job = server.submit(body).await;
    until("denoising", async || server.video(&job["id"]).await["progress"].as_i64() >= Some(11)).await;
    let cancel = server.request(Method::POST, &format!("/v1/videos/{}/cancel", text(&job["id"])));
    assert_eq!(answer(cancel).await.0, StatusCode::OK);
    let mut body = prompt("fast");
    body["size"] = json!("96x64");
    let next = server.submit(body).await;
    until("the next video", async || server.video(&next["id"]).await["status"] == "completed").await;
    assert_eq!(server.video(&job["id"]).await["status"], "cancelled");
    server.env.stop.cancel();
    running.await.unwrap().unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_killed_in_the_middle_of_denoising_loses_nothing() {
    let (server, tiers) = (start(TIERS).await, Configured::new(&endless()));
    let file = tiers.file();
    let arguments = ["--tiers-file", file.to_str().unwrap(), "--lease-seconds", "2"];
    let mut doomed = worker(&server, &arguments).await;
    let mut body = prompt("pro");
    body["size"] = json!("80x64");
    let job = server.submit(body).await;
    until("denoising", async || server.video(&job["id"]).await["progress"].as_i64() >= Some(11)).await;
    signal(&doomed, "-KILL").await;
    doomed.wait().await.unwrap();
    server.age_leases().await;
    server.expire().await;
    server.age_timers().await;
    server.render().await;
    let job = server.video(&job["id"]).await;
    assert_eq!((&job["status"], &job["attempt"]), (&json!("completed"), &json!(2)), "{job}");
}

/// Copies a model folder.
fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap().map(Result::unwrap) {
        let to = to.join(entry.file_name());
        match entry.path().is_dir() {
            true => copy(&entry.path(), &to),
            false => assert!(std::fs::copy(entry.path(), to).unwrap() > 0),
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_whose_model_does_not_load_ends_before_it_takes_a_job() {
    let folder = tempfile::tempdir().unwrap();
    copy(&Path::new(env!("CARGO_MANIFEST_DIR")).join("golden/wan/ti2v5b"), &folder.path().join("broken"));
    let config = folder.path().join("broken/transformer/config.json");
    let said = std::fs::read_to_string(&config).unwrap();
    std::fs::write(&config, said.replace("\"freq_dim\": ", "\"freq_dim\": 1")).unwrap();
    let tiers = TIERS.replace("GOLDEN/ti2v5b", folder.path().join("broken").to_str().unwrap());
    let server = start(&tiers).await;
    let mut body = prompt("fast");
    body["size"] = json!("96x64");
    let job = server.submit(body).await;
    let error = clipmill_worker::run(server.env.clone()).await.expect_err("it cannot work");
    assert!(format!("{error:#}").contains("the engine could not get ready"), "{error:#}");
    // The service of this test stopped with its worker.
    let id: JobId = text(&job["id"]).parse().unwrap();
    let job = sqlx::query_as("select status::text, attempt from jobs where id = $1").bind(id.uuid());
    let (status, attempt): (String, i32) = job.fetch_one(&server.pool).await.unwrap();
    assert_eq!((status.as_str(), attempt), ("queued", 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_says_that_it_is_ready_when_its_model_is() {
    let (server, tiers) = (start(TIERS).await, Configured::new(TIERS));
    let address = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string();
    let file = tiers.file();
    let _worker = worker(&server, &["--tiers-file", file.to_str().unwrap(), "--listen", &address]).await;
    let ask =
        async || Some(reqwest::get(format!("http://{address}/readyz")).await.ok()?.json::<Value>().await.unwrap());
    until("readiness", async || ask().await.is_some_and(|said| said["ready"] == true)).await;
    assert_eq!(ask().await.unwrap()["engine"], "ready");
}
