//! What may neither be drawn nor handed out.

use std::fs;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use clipmill_shared::moderation::OnFailure;
use clipmill_tests::log::Log;
use clipmill_tests::oracle::{Say, flagged};
use clipmill_tests::server::{answer, small};
use clipmill_tests::{Oracle, Server, Setup, picture};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

/// Settings by which this model judges.
fn judged_by(oracle: &Oracle) -> Setup {
    let mut setup = Setup::default();
    setup.moderation.moderation_url = Some(oracle.url());
    setup.moderation.moderation_key = Some("sk-judge".to_owned().into());
    setup.moderation.moderation_seconds = 1;
    setup
}

/// Flags what holds this word, whoever asks.
async fn flagging(word: &'static str) -> Oracle {
    Oracle::answering(move |question| flagged(question["input"].to_string().contains(word))).await
}

/// Flags pictures of this media type.
async fn flagging_pictures(media_type: &'static str) -> Oracle {
    flagging(media_type).await
}

async fn submit(server: &Server, wish: &Value) -> (StatusCode, Value) {
    answer(server.request(Method::POST, "/v1/videos").json(wish)).await
}

fn prompt(prompt: &str) -> Value {
    let mut wish = small();
    wish["prompt"] = json!(prompt);
    wish
}

async fn jobs(server: &Server) -> i64 {
    sqlx::query_scalar("select count(*) from jobs").fetch_one(&server.pool).await.unwrap()
}

#[tokio::test]
async fn a_flagged_prompt_is_refused_before_it_is_queued_and_no_word_of_it_is_told() {
    let log = Log::begin();
    let oracle = flagging("forbidden").await;
    let server = Server::with(judged_by(&oracle)).await;
    let (status, body) = submit(&server, &prompt("a forbidden fruit")).await;
    assert_eq!(status, StatusCode::BAD_REQUEST);
    assert_eq!((&body["error"]["code"], &body["error"]["param"]), (&json!("input_moderated"), &json!("prompt")));
    assert!(!body.to_string().contains("fruit"));
    assert_eq!(jobs(&server).await, 0);
    let question = &oracle.questions()[0];
    assert_eq!(question.headers["authorization"], "Bearer sk-judge");
    assert_eq!(question.body["model"], "omni-moderation-latest");
    assert_eq!(question.body["input"], json!([{ "type": "text", "text": "a forbidden fruit" }]));
    let log = log.text();
    assert!(!log.contains("fruit") && !log.contains("sk-judge"), "{log}");
}

#[tokio::test]
async fn images_are_judged_with_the_prompt_one_a_question() {
    let oracle = flagging_pictures("image/png").await;
    let server = Server::with(judged_by(&oracle)).await;
    let url = |media_type: &str, bytes: &[u8]| format!("data:{media_type};base64,{}", BASE64.encode(bytes));
    let png = picture::encode(&picture::plain(320, 240), image::ImageFormat::Png);
    let mut wish = small();
    wish["input_reference"] = json!(url("image/jpeg", picture::COFFEE));
    wish["last_frame"] = json!(url("image/png", &png));
    let (status, body) = submit(&server, &wish).await;
    assert_eq!((status, &body["error"]["code"]), (StatusCode::BAD_REQUEST, &json!("input_moderated")));
    let inputs: Vec<Value> = oracle.questions().into_iter().map(|question| question.body["input"].clone()).collect();
    assert_eq!(inputs[0][0], json!({ "type": "text", "text": "a red boat on a calm sea" }));
    assert_eq!(inputs[0][1]["image_url"]["url"], url("image/jpeg", picture::COFFEE));
    assert_eq!(inputs[1], json!([{ "type": "image_url", "image_url": { "url": url("image/png", &png) } }]));
    assert!(server.objects_of_account().await.is_empty(), "nothing of it was stored");
}

#[tokio::test]
async fn a_judge_that_does_not_answer_refuses_for_a_while_or_lets_pass_as_configured() {
    for say in [Say::Nothing, Say::Status(500), Say::Text("?"), Say::Json(json!({ "results": [] })), Say::Endless] {
        let oracle = Oracle::saying(say.clone()).await;
        let server = Server::with(judged_by(&oracle)).await;
        let response = server.request(Method::POST, "/v1/videos").json(&small()).send().await.unwrap();
        assert_eq!(response.status(), StatusCode::SERVICE_UNAVAILABLE, "{say:?}");
        assert!(response.headers().contains_key("retry-after"));
        assert_eq!(jobs(&server).await, 0);
    }
    let oracle = Oracle::saying(Say::Status(500)).await;
    let mut setup = judged_by(&oracle);
    setup.moderation.moderation_on_failure = OnFailure::Accept;
    let server = Server::with(setup).await;
    assert_eq!(server.completed().await["status"], "completed");
}

#[tokio::test]
async fn a_word_list_refuses_whole_words_without_asking_anybody() {
    let file = tempfile::NamedTempFile::new().unwrap();
    fs::write(file.path(), "# house rules\nbad apple\n").unwrap();
    let mut setup = Setup::default();
    setup.moderation.moderation_words = Some(file.path().to_owned());
    let server = Server::with(setup).await;
    let (status, body) = submit(&server, &prompt("a BAD Apple!")).await;
    assert_eq!((status, &body["error"]["code"]), (StatusCode::BAD_REQUEST, &json!("input_moderated")));
    let (status, _) = submit(&server, &prompt("a bad pineapple")).await;
    assert_eq!(status, StatusCode::OK);
}

#[tokio::test]
async fn a_flagged_video_is_never_stored_and_its_job_ends() {
    let oracle = flagging_pictures("image/webp").await;
    let server = Server::with(judged_by(&oracle)).await;
    let video = server.submit_small().await;
    server.render().await;
    let video = server.video(&video["id"]).await;
    assert_eq!((&video["status"], &video["attempt"]), (&json!("failed"), &json!(1)));
    assert_eq!(video["error"]["code"], "output_moderated");
    assert_eq!((&video["billable"], &video["not_billable_because"]), (&json!(false), &json!("moderated")));
    assert!(server.objects(&video["id"]).await.is_empty());
    let judged = oracle.questions().pop().unwrap().body["input"][0]["image_url"]["url"].clone();
    let poster = BASE64.decode(judged.as_str().unwrap().strip_prefix("data:image/webp;base64,").unwrap()).unwrap();
    assert_eq!(picture::decode(&poster).dimensions(), (256, 144));
}

#[tokio::test]
async fn a_video_that_nobody_could_judge_is_rendered_again_later() {
    let oracle = Oracle::answering(|question| match question["input"].to_string().contains("webp") {
        true => Say::Status(503),
        false => flagged(false),
    });
    let oracle = oracle.await;
    let server = Server::with(judged_by(&oracle)).await;
    let video = server.submit_small().await;
    server.render().await;
    assert_eq!(server.video(&video["id"]).await["status"], "queued");
    for _ in 0..2 {
        server.age_timers().await;
        server.render().await;
    }
    let video = server.video(&video["id"]).await;
    assert_eq!((&video["status"], &video["error"]["code"]), (&json!("failed"), &json!("moderation_unavailable")));
    assert!(server.objects(&video["id"]).await.is_empty());
}
