//! Tiers that a model server renders: whole jobs, and what becomes of them when the server has its habits.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use clipmill_shared::tier::Tier;
use clipmill_tests::log::Log;
use clipmill_tests::process::until;
use clipmill_tests::remote::{Manner, ModelServer};
use clipmill_tests::server::text;
use clipmill_tests::{Server, picture, video};
use clipmill_worker::engine::Engine;
use clipmill_worker::engine::remote::profile::Profile;
use clipmill_worker::env::Engines;
use clipmill_worker::pull;
use clipmill_worker::tiers::Tiers;
use reqwest::Method;
use serde_json::{Value, json};

pub(crate) fn engines(tiers: &str) -> Engines {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("tiers.toml");
    std::fs::write(&file, tiers).unwrap();
    Tiers::read(&file).unwrap().engines(&clipmill_wan::Device::Cpu, None).unwrap()
}

/// A service whose Fast tier this server renders.
async fn service(models: &ModelServer) -> Server {
    Server::with_engines(engines(&models.section("fast"))).await
}

async fn both(profile: Profile) -> (ModelServer, Server) {
    let models = ModelServer::start(Manner::of(profile)).await;
    let server = service(&models).await;
    (models, server)
}

async fn content(server: &Server, job: &Value) -> Vec<u8> {
    let request = server.request(Method::GET, &format!("/v1/videos/{}/content", text(&job["id"])));
    request.send().await.unwrap().bytes().await.unwrap().into()
}

fn engine(server: &Server) -> Arc<dyn Engine> {
    server.env.engines[&Tier::Fast].clone()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_prompt_becomes_a_video_whichever_server_renders_it() {
    for profile in Profile::ALL {
        let (models, server) = both(profile).await;
        let job = server.completed().await;
        let stream = &video::ffprobe(&content(&server, &job).await)["streams"][0];
        assert_eq!((stream["width"].as_u64(), stream["height"].as_u64()), (Some(256), Some(144)), "{profile}");
        assert_eq!(stream["nb_read_frames"], "24", "{profile}");
        assert_eq!((models.submitted().len(), models.records()), (1, 0), "{profile}: it keeps nothing");
        let remote: Option<Value> =
            sqlx::query_scalar("select remote from jobs").fetch_one(&server.pool).await.unwrap();
        assert_eq!(remote, None);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_is_told_what_stands_on_the_list_and_nothing_else_of_the_customers() {
    for (profile, names) in [
        (Profile::VllmOmni, vec!["fps", "height", "model", "negative_prompt", "num_frames", "prompt", "seed", "width"]),
        (Profile::Sglang, vec!["fps", "height", "model", "negative_prompt", "num_frames", "prompt", "seed", "width"]),
        (Profile::Openai, vec!["model", "prompt", "seconds", "size"]),
    ] {
        let (models, server) = both(profile).await;
        let image = format!("data:image/jpeg;base64,{}", BASE64.encode(picture::COFFEE));
        server
            .submit(json!({
                "prompt": "a fox", "negative_prompt": "snow", "model": "fast", "size": "256x144", "seconds": 1, "seed": 7,
                "input_reference": image, "metadata": { "output_path": "/etc/passwd" },
            }))
            .await;
        server.render().await;
        let sent = &models.submitted()[0];
        assert_eq!(sent.fields.iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>(), names, "{profile}");
        let (field, bytes) = &sent.files[0];
        let sent = image::load_from_memory(bytes).unwrap();
        assert_eq!((field.as_str(), sent.width(), sent.height()), ("input_reference", 256, 144), "{profile}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn first_and_last_picture_go_to_a_server_that_takes_both() {
    let models = ModelServer::start(Manner::of(Profile::VllmOmni)).await;
    let tiers = models.section("fast").replace("fps = 24", "fps = 24\nlast_frame = true");
    let server = Server::with_engines(engines(&tiers)).await;
    let image = format!("data:image/jpeg;base64,{}", BASE64.encode(picture::COFFEE));
    let body = json!({ "prompt": "a fox", "model": "fast", "size": "256x144", "seconds": 1, "input_reference": image, "last_frame": image });
    server.submit(body).await;
    server.render().await;
    let files = &models.submitted()[0].files;
    assert_eq!(files.iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>(), ["input_references"; 2]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failed_render_is_the_servers_fault_unless_its_code_says_otherwise() {
    let secret = "CUDA error at /srv/weights, prompt was: a red boat";
    for (profile, error, code) in [
        (Profile::VllmOmni, json!({ "code": 500, "message": secret }), "render_failed"),
        (Profile::Sglang, json!({ "message": secret }), "render_failed"),
        (Profile::VllmOmni, json!({ "code": 400, "message": secret }), "rejected_by_engine"),
        (Profile::Openai, json!({ "code": "moderation_blocked", "message": secret }), "rejected_by_engine"),
    ] {
        let (models, server) = both(profile).await;
        models.behave(|manner| manner.error = Some(error.clone()));
        let job = server.submit_small().await;
        while pull::step(&server.env).await.unwrap() {
            server.age_timers().await;
        }
        let failed = server.video(&job["id"]).await;
        assert_eq!((text(&failed["status"]), text(&failed["error"]["code"])), ("failed", code), "{error}");
        assert!(!failed.to_string().contains("CUDA"), "what the server says stays inside: {failed}");
        assert_eq!(models.submitted().len(), if code == "render_failed" { 3 } else { 1 });
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_that_a_server_refuses_fails_at_once_and_one_that_is_not_for_us_is_given_back() {
    let refused = (400, json!({ "error": { "code": "sentinel_block", "message": "no" } }));
    for (refusal, status) in [(refused, "failed"), ((403, json!({ "detail": "no" })), "queued")] {
        let (models, server) = both(Profile::Openai).await;
        models.behave(|manner| manner.refusal = Some(refusal));
        let job = server.submit_small().await;
        server.render().await;
        assert_eq!(server.video(&job["id"]).await["status"], status);
        server.ask(Method::POST, &format!("/v1/videos/{}/cancel", text(&job["id"])), Value::Null).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_video_of_the_wrong_length_is_rendered_again() {
    let (models, server) = both(Profile::Sglang).await;
    models.behave(|manner| manner.frames = Some(5));
    let job = server.submit_small().await;
    server.render().await;
    assert_eq!(server.video(&job["id"]).await["status"], "queued");
    models.behave(|manner| manner.frames = Some(100));
    server.age_timers().await;
    server.render().await;
    let job = server.video(&job["id"]).await;
    assert_eq!((text(&job["status"]), &job["attempt"]), ("completed", &json!(2)));
    let stream = &video::ffprobe(&content(&server, &job).await)["streams"][0];
    assert_eq!(stream["nb_read_frames"], "24", "what is too long is cut");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_is_not_ready_costs_no_job_an_attempt() {
    let (models, server) = both(Profile::Sglang).await;
    models.set_warm(false);
    let job = server.submit_small().await;
    server.render().await;
    assert_eq!(server.video(&job["id"]).await["status"], "queued");
    let released: i32 = sqlx::query_scalar("select released from jobs").fetch_one(&server.pool).await.unwrap();
    assert_eq!((released, models.submitted().len()), (1, 0));
    assert!(!pull::step(&server.env).await.unwrap(), "no job is taken while it is not ready");
    models.set_warm(true);
    until("a server that is ready", async || engine(&server).is_ready()).await;
    server.render().await;
    assert_eq!(server.video(&job["id"]).await["status"], "completed");
}

#[tokio::test(flavor = "multi_thread")]
async fn progress_of_the_server_is_the_jobs() {
    let (models, server) = both(Profile::Sglang).await;
    let running = tokio::spawn(clipmill_worker::run(server.env.clone()));
    models.hold(true);
    models.behave(|manner| manner.polls = 50);
    let job = server.submit_small().await;
    until("progress", async || server.video(&job["id"]).await["progress"].as_i64() > Some(10)).await;
    models.hold(false);
    until("its end", async || server.video(&job["id"]).await["status"] == "completed").await;
    server.env.stop.cancel();
    running.await.unwrap().unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_does_not_start_for_a_server_that_serves_another_model() {
    let models = ModelServer::start(Manner::of(Profile::VllmOmni)).await;
    let server = Server::with_engines(engines(&models.section("fast").replace("tiny/Film", "tiny/Other"))).await;
    let error = clipmill_worker::run(server.env.clone()).await.expect_err("it could render nothing");
    assert!(format!("{error:#}").contains("and not tiny/Other"), "{error:#}");
}

#[tokio::test]
async fn neither_the_key_nor_what_a_server_says_is_in_the_log() {
    let log = Log::begin();
    let folder = tempfile::tempdir().unwrap();
    let key = "sk-0123456789abcdef";
    std::fs::write(folder.path().join("key"), format!("{key}\n")).unwrap();
    let models = ModelServer::start(Manner::of(Profile::Sglang)).await;
    models.behave(|manner| manner.key = Some(key.to_owned()));
    let file = format!("fps = 24\napi_key_file = {:?}", folder.path().join("key"));
    let tiers =
        models.section("fast").replace("fps = 24", &file).replace("[fast.time]", "[fast.time]\ndownload_seconds = 1");
    let server = Server::with_engines(engines(&tiers)).await;
    models.behave(|manner| manner.hides_video = true);
    let job = server.submit_small().await;
    server.render().await;
    assert_eq!(server.video(&job["id"]).await["status"], "queued", "it has not handed the video over");
    models.behave(|manner| manner.hides_video = false);
    server.age_timers().await;
    server.render().await;
    let job = server.video(&job["id"]).await;
    assert_eq!(job["status"], "completed", "{job}");
    assert_eq!(models.submitted().len(), 1, "the render that there was is fetched again");
    let text = log.text();
    assert!(text.contains("attempt"), "{text}");
    for word in [key, "c0ffee", "bucket.example", "red boat", "/srv/outputs"] {
        assert!(!text.contains(word), "{word}: {text}");
    }
}
