//! MiniMax's own API as the engine of a tier, through the whole service.

mod resume;

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use clipmill_shared::fleet::{self, Served};
use clipmill_shared::id::JobId;
use clipmill_shared::jobs::options::Codec;
use clipmill_shared::outbound::OutboundConfig;
use clipmill_tests::minimax_upstream::KEY;
use clipmill_tests::process::{binary, signal, until};
use clipmill_tests::server::{text, worker_config};
use clipmill_tests::{MinimaxUpstream, Server, picture, video};
use clipmill_worker::tiers::Tiers;
use clipmill_worker::{Env, pull};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::process::Command;
use tokio_util::sync::CancellationToken;

/// The first generation: Fast of images alone, Pro of text too.
const V1: &str = r#"
    [fast]
    engine = "minimax"
    model = "MiniMax-Hailuo-2.3-Fast"
    resolutions = [{ name = "768P", sizes = ["128x72", "72x128"], seconds = [6, 10] }]
    COMMON

    [pro]
    engine = "minimax"
    model = "MiniMax-Hailuo-2.3"
    resolutions = [
        { name = "768P", sizes = ["128x72", "72x128"], seconds = [6, 10] },
        { name = "1080P", sizes = ["1920x1080"], seconds = [6] },
    ]
    COMMON
"#;

/// The second generation.
const V2: &str = r#"
    [pro]
    engine = "minimax"
    model = "MiniMax-H3"
    resolutions = [{ name = "768P", sizes = ["128x72", "72x128"], seconds = [4, 6] }]
    COMMON
"#;

/// A limit that is never felt.
const FREE: &str = "requests_per_minute = 6000\nturn_seconds = 60";
/// One video a minute, and no patience.
const SCARCE: &str = "requests_per_minute = 1\nturn_seconds = 0";

const PROMPT: &str = "quetzalcoatlus over a fjord";

/// A service whose tiers are rendered elsewhere, and a worker of it.
struct Hosted {
    server: Server,
    upstream: MinimaxUpstream,
    env: Arc<Env>,
    folder: TempDir,
}

impl Hosted {
    async fn start(tiers: &str, limit: &str) -> Self {
        let (server, upstream) = (Server::start().await, MinimaxUpstream::start().await);
        let folder = tempfile::tempdir().unwrap();
        let common = format!("api_key_file = \"key\"\nurl = \"{}\"\npoll_seconds = 0.01\n{limit}", upstream.url());
        fs::write(folder.path().join("tiers.toml"), tiers.replace("COMMON", &common)).unwrap();
        fs::write(folder.path().join("key"), format!("{KEY}\n")).unwrap();
        fs::set_permissions(folder.path().join("key"), Permissions::from_mode(0o600)).unwrap();
        let env = worker(&server, &folder.path().join("tiers.toml"));
        let served =
            env.tiers().into_iter().map(|tier| Served { tier, pace: None, offer: env.engines[&tier].offer().cloned() });
        fleet::report(&server.pool, "elsewhere", 1, &[Codec::H264], &served.collect::<Vec<_>>()).await.unwrap();
        Self { server, upstream, env, folder }
    }

    fn file(&self) -> PathBuf {
        self.folder.path().join("tiers.toml")
    }

    /// Takes a job to the end of an attempt; there has to be one.
    async fn step(&self) {
        assert!(pull::step(&self.env).await.unwrap(), "there is no job to render");
    }

    /// The job of this body after one attempt.
    async fn rendered(&self, body: Value) -> Value {
        let job = self.server.submit(body).await;
        self.step().await;
        self.server.video(&job["id"]).await
    }

    /// How many attempts of a job count.
    async fn counted(&self, job: &Value) -> i32 {
        let id: JobId = text(&job["id"]).parse().unwrap();
        let counted = sqlx::query_scalar("select attempt - released from jobs where id = $1").bind(id.uuid());
        counted.fetch_one(&self.server.pool).await.unwrap()
    }

    async fn cancel(&self, job: &Value) {
        let path = format!("/v1/videos/{}/cancel", text(&job["id"]));
        assert_eq!(self.server.ask(Method::POST, &path, Value::Null).await.0, StatusCode::OK);
    }

    /// Lets a minute pass, for the ledger and for MiniMax.
    async fn a_minute_later(&self) {
        let aged = "update upstream_buckets set refilled_at = refilled_at - interval '1 minute'";
        sqlx::query(aged).execute(&self.server.pool).await.unwrap();
        self.upstream.next_minute();
    }
}

/// A worker of what this file says, with the rights of one.
fn worker(server: &Server, file: &std::path::Path) -> Arc<Env> {
    let (pool, storage, vault) = (server.env.pool.clone(), server.storage.clone(), server.env.vault.clone());
    let engines = Tiers::read(file).unwrap().engines(&clipmill_wan::Device::Cpu, Some(&pool)).unwrap();
    let outbound = OutboundConfig::unguarded();
    Arc::new(Env::new(pool, storage, vault, engines, worker_config(), &outbound, CancellationToken::new()).unwrap())
}

fn wish() -> Value {
    json!({ "prompt": PROMPT, "model": "pro", "size": "128x72", "seconds": 6 })
}

fn image() -> String {
    format!("data:image/jpeg;base64,{}", BASE64.encode(picture::COFFEE))
}

#[tokio::test]
async fn a_video_of_text_comes_from_minimax_and_nothing_but_the_wish_goes_there() {
    let hosted = Hosted::start(V1, FREE).await;
    let mut body = wish();
    body["seed"] = json!(7);
    body["negative_prompt"] = json!("rain");
    body["metadata"] = json!({ "note": "tamarillo" });
    let job = hosted.rendered(body).await;
    assert_eq!(job["status"], "completed", "{job}");
    let order = json!({
        "model": "MiniMax-Hailuo-2.3", "prompt": PROMPT, "duration": 6, "resolution": "768P", "prompt_optimizer": false,
        "aigc_watermark": false,
    });
    assert_eq!(hosted.upstream.orders(), [order]);
    assert_eq!(hosted.upstream.fetches(), [false], "the key is not shown where the film lies");
    let content = hosted.server.request(Method::GET, &format!("/v1/videos/{}/content", text(&job["id"])));
    let film = video::ffprobe(&content.send().await.unwrap().bytes().await.unwrap());
    let stream = &film["streams"][0];
    assert_eq!((&stream["width"], &stream["height"]), (&json!(128), &json!(72)));
    assert_eq!((&stream["nb_read_frames"], &stream["r_frame_rate"]), (&json!("144"), &json!("24/1")));
}

#[tokio::test]
async fn the_fast_model_gets_its_picture_in_the_size_of_the_video() {
    let hosted = Hosted::start(V1, FREE).await;
    let (status, refused) = hosted.server.post("/v1/videos", json!({ "prompt": PROMPT, "model": "fast" })).await;
    assert_eq!((status, refused["error"]["param"].as_str()), (StatusCode::BAD_REQUEST, Some("input_reference")));
    let job = hosted.rendered(json!({ "prompt": PROMPT, "model": "fast", "input_reference": image() })).await;
    assert_eq!((&job["status"], &job["size"], &job["seconds"]), (&json!("completed"), &json!("128x72"), &json!("6")));
    let order = &hosted.upstream.orders()[0];
    assert_eq!((order["model"].as_str(), order.get("last_frame_image")), (Some("MiniMax-Hailuo-2.3-Fast"), None));
    let sent =
        BASE64.decode(text(&order["first_frame_image"]).strip_prefix("data:image/jpeg;base64,").unwrap()).unwrap();
    let sent = image::load_from_memory(&sent).unwrap();
    assert_eq!((sent.width(), sent.height()), (128, 72));
}

#[tokio::test]
async fn what_minimax_makes_is_shown_and_nothing_else_is_accepted() {
    let hosted = Hosted::start(V1, FREE).await;
    let (_, models) = hosted.server.get("/v1/videos/models").await;
    let pro = models["data"].as_array().unwrap().iter().find(|model| model["id"] == "pro").unwrap();
    assert_eq!((&pro["renders_with"], &pro["seconds"]), (&json!("MiniMax-Hailuo-2.3"), &json!([6, 10])));
    assert_eq!((&pro["default_seconds"], &pro["output"]["loop_max_seconds"]), (&json!(6), &json!(0)));
    assert_eq!(pro["sizes"], json!(["128x72", "72x128", "1920x1080"]));
    assert_eq!(pro["text_sizes"], json!(["128x72", "1920x1080"]));
    for (field, says, change) in [
        ("seconds", "must be 6 or 10", json!({ "seconds": 8 })),
        ("seconds", "must be 6 for 1920x1080", json!({ "size": "1920x1080", "seconds": 10 })),
        ("size", "for a video of text alone", json!({ "size": "72x128" })),
        ("size", "must be one of 128x72, 72x128, 1920x1080", json!({ "size": "1280x720", "input_reference": image() })),
        ("fps", "24", json!({ "fps": 30 })),
        ("last_frame", "must be left out", json!({ "input_reference": image(), "last_frame": image() })),
        ("output.loop", "must be false", json!({ "output": { "loop": true } })),
    ] {
        let mut body = wish();
        body.as_object_mut().unwrap().extend(change.as_object().unwrap().clone());
        let (status, refused) = hosted.server.post("/v1/videos", body).await;
        assert_eq!((status, refused["error"]["param"].as_str()), (StatusCode::BAD_REQUEST, Some(field)), "{refused}");
        assert!(text(&refused["error"]["message"]).contains(says), "{refused}");
    }
    assert!(hosted.upstream.orders().is_empty());
}

#[tokio::test]
async fn the_second_generation_is_asked_in_its_own_words() {
    let hosted = Hosted::start(V2, FREE).await;
    let mut body = wish();
    body["seconds"] = json!(4);
    let job = hosted.rendered(body.clone()).await;
    assert_eq!(job["status"], "completed", "{job}");
    let content = json!([{ "type": "text", "text": PROMPT }]);
    assert_eq!(
        hosted.upstream.orders()[0],
        json!({ "model": "MiniMax-H3", "content": content, "resolution": "768P", "duration": 4, "ratio": "16:9" })
    );
    body["input_reference"] = json!(image());
    body["last_frame"] = json!(image());
    assert_eq!(hosted.rendered(body).await["status"], "completed");
    let order = &hosted.upstream.orders()[1];
    let roles = [1, 2].map(|part| text(&order["content"][part]["role"]));
    assert_eq!((roles, &order["ratio"]), (["first_frame", "last_frame"], &json!("adaptive")));
    assert!(text(&order["content"][1]["image_url"]["url"]).starts_with("data:image/jpeg;base64,"));
}

#[tokio::test]
async fn each_code_has_its_consequence_in_both_generations() {
    for tiers in [V1, V2] {
        let hosted = Hosted::start(tiers, FREE).await;
        for (code, status, word, counted) in [
            (1026, "failed", Some("input_moderated"), 1),
            (1027, "failed", Some("output_moderated"), 1),
            (2013, "failed", Some("rejected_by_engine"), 1),
            (1000, "queued", None, 1),
            (1004, "queued", None, 0),
            (2049, "queued", None, 0),
            (1008, "queued", None, 0),
        ] {
            hosted.upstream.refuse([code]);
            let job = hosted.rendered(wish()).await;
            assert_eq!((job["status"].as_str(), job["error"]["code"].as_str()), (Some(status), word), "{code}: {job}");
            assert!(!job["error"].to_string().contains("quetzalcoatlus"), "{code}: {job}");
            assert_eq!(hosted.counted(&job).await, counted, "{code}");
            if word.is_some_and(|word| word.ends_with("_moderated")) {
                assert_eq!((&job["billable"], &job["not_billable_because"]), (&json!(false), &json!("moderated")));
            }
            if status == "queued" {
                hosted.cancel(&job).await;
            }
        }
        assert!(hosted.upstream.orders().is_empty());
    }
}

#[tokio::test]
async fn a_render_that_fails_after_it_was_accepted_has_its_consequence_too() {
    for tiers in [V1, V2] {
        let hosted = Hosted::start(tiers, FREE).await;
        hosted.upstream.fail([1027, 1000]);
        let refused = hosted.rendered(wish()).await;
        assert_eq!((&refused["status"], &refused["error"]["code"]), (&json!("failed"), &json!("output_moderated")));
        let failed = hosted.rendered(wish()).await;
        assert_eq!((&failed["status"], hosted.counted(&failed).await), (&json!("queued"), 1), "{failed}");
        hosted.server.age_timers().await;
        hosted.step().await;
        assert_eq!(hosted.server.video(&failed["id"]).await["status"], "completed");
    }
}

#[tokio::test]
async fn all_workers_keep_the_limit_together() {
    let hosted = Hosted::start(V1, SCARCE).await;
    hosted.upstream.limit(1);
    let other = worker(&hosted.server, &hosted.file());
    for _ in 0..3 {
        hosted.server.submit(wish()).await;
    }
    for minute in 1..=3 {
        let (one, two) = tokio::join!(pull::step(&hosted.env), pull::step(&other));
        one.and(two).unwrap();
        assert_eq!((hosted.upstream.orders().len(), hosted.upstream.throttled()), (minute, 0));
        hosted.a_minute_later().await;
    }
    let (_, list) = hosted.server.get("/v1/videos").await;
    for job in list["data"].as_array().unwrap() {
        assert_eq!((&job["status"], hosted.counted(job).await), (&json!("completed"), 1), "{job}");
    }
}

#[tokio::test]
async fn a_job_waits_in_its_worker_until_it_is_its_turn() {
    let hosted = Hosted::start(V1, "requests_per_minute = 1\nturn_seconds = 600").await;
    hosted.rendered(wish()).await;
    let job = hosted.server.submit(wish()).await;
    let later = async {
        until("the next attempt", async || hosted.server.video(&job["id"]).await["status"] == "in_progress").await;
        assert_eq!(hosted.upstream.orders().len(), 1);
        hosted.a_minute_later().await;
    };
    tokio::join!(hosted.step(), later);
    assert_eq!(hosted.server.video(&job["id"]).await["status"], "completed");
}

#[tokio::test]
async fn a_word_of_too_many_requests_makes_every_worker_wait() {
    let hosted = Hosted::start(V1, SCARCE).await;
    let other = worker(&hosted.server, &hosted.file());
    // Somebody else with the same key was faster.
    hosted.upstream.limit(0);
    let job = hosted.rendered(wish()).await;
    assert_eq!((&job["status"], hosted.counted(&job).await), (&json!("queued"), 0));
    for env in [&other, &hosted.env] {
        assert!(pull::step(env).await.unwrap());
        assert_eq!((hosted.upstream.throttled(), hosted.counted(&job).await), (1, 0), "nobody asks again");
    }
    hosted.upstream.limit(1);
    hosted.a_minute_later().await;
    assert!(pull::step(&other).await.unwrap());
    assert_eq!(hosted.server.video(&job["id"]).await["status"], "completed");
}

#[tokio::test]
async fn a_link_that_has_ended_is_asked_for_anew_and_ids_may_be_numbers() {
    for tiers in [V1, V2] {
        let hosted = Hosted::start(tiers, FREE).await;
        hosted.upstream.write_ids_as_numbers();
        hosted.upstream.give_stale_links(2);
        let job = hosted.rendered(wish()).await;
        assert_eq!(job["status"], "completed", "{job}");
        assert_eq!(hosted.upstream.fetches(), [false; 3]);
        hosted.upstream.give_stale_links(3);
        let job = hosted.rendered(wish()).await;
        assert_eq!((&job["status"], hosted.counted(&job).await), (&json!("queued"), 1), "{job}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cancelled_render_is_called_off_where_that_can_be_done_and_never_fetched() {
    for (tiers, called_off) in [(V1, 0), (V2, 1)] {
        let hosted = Hosted::start(tiers, FREE).await;
        hosted.upstream.hold(true);
        let running = tokio::spawn(clipmill_worker::run(hosted.env.clone()));
        let job = hosted.server.submit(wish()).await;
        until("looks at the render", async || hosted.upstream.queries() > 2).await;
        hosted.cancel(&job).await;
        let next = hosted.server.submit(wish()).await;
        // There is one place: the next render is asked for when nobody waits for the last one any more.
        until("the next render", async || hosted.upstream.orders().len() == 2).await;
        assert_eq!((hosted.upstream.called_off(), hosted.upstream.fetches().len()), (called_off, 0));
        hosted.upstream.hold(false);
        until("its video", async || hosted.server.video(&next["id"]).await["status"] == "completed").await;
        assert_eq!(hosted.server.video(&job["id"]).await["status"], "cancelled");
        assert_eq!(hosted.upstream.fetches().len(), 1);
        hosted.env.stop.cancel();
        running.await.unwrap().unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_at_its_most_talkative_tells_neither_the_key_nor_the_prompt_nor_a_link() {
    let hosted = Hosted::start(V1, FREE).await;
    let path = hosted.folder.path().join("log");
    let log = fs::File::create(&path).unwrap();
    let mut command = Command::new(binary("clipmill-worker"));
    command.args(["--tiers-file", hosted.file().to_str().unwrap(), "--grace-seconds", "0"]);
    command.envs(hosted.server.environment().await).env("CLIPMILL_LOG", "trace");
    command.stdout(log.try_clone().unwrap()).stderr(log).kill_on_drop(true);
    let mut child = command.spawn().unwrap();
    let mut body = wish();
    body["input_reference"] = json!(image());
    hosted.upstream.give_stale_links(1);
    let job = hosted.server.submit(body).await;
    until("a video", async || hosted.server.video(&job["id"]).await["status"] == "completed").await;
    hosted.upstream.refuse([2013]);
    let job = hosted.server.submit(wish()).await;
    until("a refusal", async || hosted.server.video(&job["id"]).await["status"] == "failed").await;
    hosted.upstream.refuse([1008]);
    let job = hosted.server.submit(wish()).await;
    let said = || fs::read_to_string(&path).unwrap();
    until("a word to the operator", async || said().contains("look at the balance")).await;
    until("the end of the attempt", async || hosted.server.video(&job["id"]).await["status"] == "queued").await;
    hosted.cancel(&job).await;
    signal(&child, "-TERM").await;
    child.wait().await.unwrap();
    let said = said();
    assert!(said.contains("Ended an attempt") && said.contains("by a fresh link"), "it is talkative");
    let sent = text(&hosted.upstream.orders()[0]["first_frame_image"]).to_owned();
    for secret in [KEY, PROMPT, "quetzalcoatlus", "do-not-log-me", &sent[40..104]] {
        let line = said.lines().find(|line| line.contains(secret));
        assert!(line.is_none(), "{secret} in: {}", line.unwrap_or_default());
    }
}

#[tokio::test]
async fn a_worker_with_a_wrong_key_leaves_its_jobs_to_others() {
    let hosted = Hosted::start(V1, FREE).await;
    fs::write(hosted.folder.path().join("key"), "another").unwrap();
    let stranger = worker(&hosted.server, &hosted.file());
    let job = hosted.server.submit(wish()).await;
    assert!(pull::step(&stranger).await.unwrap());
    assert_eq!(hosted.counted(&job).await, 0);
    hosted.step().await;
    assert_eq!(hosted.server.video(&job["id"]).await["status"], "completed");
}
