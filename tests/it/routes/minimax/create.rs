use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use clipmill_tests::oracle::{Say, chat, flagged};
use clipmill_tests::{Oracle, Receiver, Server, Setup, picture};
use reqwest::Method;
use serde_json::{Value, json};

use super::{say, submit};

fn coffee() -> Value {
    json!(format!("data:image/jpeg;base64,{}", BASE64.encode(picture::COFFEE)))
}

/// The job of the last submit, as the native API shows it.
async fn video(server: &Server) -> Value {
    server.get("/v1/videos").await.1["data"][0].clone()
}

#[tokio::test]
async fn a_task_is_a_job_with_minimax_s_defaults() {
    let server = Server::start().await;
    let (code, body) = submit(&server, json!({ "model": "MiniMax-Hailuo-2.3", "prompt": "a fox [左移]" })).await;
    assert_eq!((code, &body["base_resp"]["status_msg"]), (0, &json!("success")));
    let id: u64 = body["task_id"].as_str().unwrap().parse().unwrap();
    assert!((1..1 << 53).contains(&id));
    let video = video(&server).await;
    for (field, value) in [
        ("model", json!("MiniMax-Hailuo-2.3")),
        ("tier", json!("pro")),
        ("prompt", json!("a fox [左移]")),
        ("size", json!("1366x768")),
        ("seconds", json!("6")),
        ("mode", json!("text_to_video")),
        ("metadata", json!({})),
        ("webhook_url", Value::Null),
    ] {
        assert_eq!(video[field], value, "{field}");
    }
}

#[tokio::test]
async fn what_minimax_accepts_is_accepted_and_becomes_pixels() {
    let server = Server::start().await;
    let image = coffee();
    for (body, tier, size, seconds) in [
        (json!({ "model": "MiniMax-Hailuo-2.3", "duration": 10, "resolution": "768P" }), "pro", "1366x768", "10"),
        (json!({ "model": "MiniMax-Hailuo-2.3", "resolution": "1080P" }), "pro", "1920x1080", "6"),
        (
            json!({ "model": "MiniMax-Hailuo-02", "first_frame_image": image, "resolution": "512P" }),
            "pro",
            "768x512",
            "6",
        ),
        (json!({ "model": "MiniMax-Hailuo-02", "last_frame_image": image, "duration": "10" }), "pro", "1152x768", "10"),
        (json!({ "model": "MiniMax-Hailuo-2.3-Fast", "first_frame_image": image }), "fast", "1152x768", "6"),
        (
            json!({ "model": "MiniMax-Hailuo-2.3-Fast", "first_frame_image": image, "resolution": "1080P" }),
            "fast",
            "1254x836",
            "6",
        ),
        (json!({ "model": "T2V-01-Director" }), "fast", "1280x720", "6"),
        (json!({ "model": "I2V-01-live", "first_frame_image": image }), "fast", "1080x720", "6"),
    ] {
        let mut asked = body.clone();
        asked["prompt"] = json!("a cup");
        asked["fast_pretreatment"] = json!(true);
        asked["something_new"] = json!({ "x": 1 });
        let (code, answer) = submit(&server, asked).await;
        assert_eq!(code, 0, "{} {answer}", body["model"]);
        let video = video(&server).await;
        assert_eq!((&video["tier"], &video["size"], &video["seconds"]), (&json!(tier), &json!(size), &json!(seconds)));
    }
}

#[tokio::test]
async fn what_minimax_refuses_is_refused_with_the_field_and_what_is_allowed() {
    let server = Server::start().await;
    let image = coffee();
    for (body, words) in [
        (json!({}), ["model", "MiniMax-Hailuo-2.3"]),
        (json!({ "model": "S2V-01", "prompt": "x" }), ["model", "T2V-01"]),
        (json!({ "model": "MiniMax-Hailuo-2.3" }), ["prompt", "2000"]),
        (json!({ "model": "MiniMax-Hailuo-2.3", "prompt": "x".repeat(2001) }), ["prompt", "2000"]),
        (json!({ "model": "MiniMax-Hailuo-2.3", "prompt": "x", "duration": 5 }), ["duration", "6 or 10"]),
        (json!({ "model": "MiniMax-Hailuo-2.3", "prompt": "x", "duration": "six" }), ["duration", "whole number"]),
        (
            json!({ "model": "MiniMax-Hailuo-2.3", "prompt": "x", "duration": 10, "resolution": "1080P" }),
            ["duration", "6 at 1080P"],
        ),
        (json!({ "model": "MiniMax-Hailuo-2.3", "prompt": "x", "resolution": "4K" }), ["resolution", "768P or 1080P"]),
        (json!({ "model": "MiniMax-Hailuo-2.3-Fast", "prompt": "x" }), ["first_frame_image", "must be given"]),
        (
            json!({ "model": "MiniMax-Hailuo-2.3", "prompt": "x", "last_frame_image": image }),
            ["last_frame_image", "must be left out"],
        ),
        (json!({ "model": "T2V-01", "prompt": "x", "first_frame_image": image }), ["first_frame_image", "left out"]),
        (
            json!({ "model": "MiniMax-Hailuo-2.3", "prompt": "x", "first_frame_image": "data:image/png;base64,AAAA" }),
            ["first_frame_image", "JPEG"],
        ),
        (
            json!({ "model": "MiniMax-Hailuo-2.3", "prompt": "x", "subject_reference": [{ "type": "character" }] }),
            ["subject_reference", "left out"],
        ),
        (json!({ "model": "MiniMax-Hailuo-2.3", "prompt": "x", "prompt_optimizer": 7 }), ["prompt_optimizer", "true"]),
        (json!({ "model": "MiniMax-Hailuo-2.3", "prompt": "x", "callback_url": "ftp://x" }), ["callback_url", "http"]),
    ] {
        let (code, answer) = submit(&server, body.clone()).await;
        assert_eq!((code, &answer["task_id"]), (2013, &json!("")), "{answer}");
        let message = answer["base_resp"]["status_msg"].as_str().unwrap();
        assert!(message.starts_with("invalid params, "), "{message}");
        assert!(words.iter().all(|word| message.contains(word)), "{message} lacks one of {words:?}");
    }
}

#[tokio::test]
async fn a_picture_may_come_without_a_prompt_and_a_wish_for_a_mark_is_granted() {
    let server = Server::start().await;
    let body = json!({ "model": "I2V-01", "first_frame_image": coffee(), "aigc_watermark": true });
    assert_eq!(submit(&server, body).await.0, 0);
    let video = video(&server).await;
    assert_eq!((&video["mode"], &video["metadata"]), (&json!("image_to_video"), &json!({ "aigc_watermark": "true" })));
    assert_eq!(video["watermark"]["text"], "AI-generated", "{video}");
}

#[tokio::test]
async fn a_prompt_is_written_out_unless_the_client_says_no() {
    let oracle = Oracle::saying(chat("A red fox runs.")).await;
    let mut setup = Setup::default();
    setup.clients.prompt.optimizer.optimizer_url = Some(oracle.url());
    setup.clients.prompt.optimizer.optimizer_model = Some("writer-1".to_owned());
    let server = Server::with(setup).await;
    let body = |optimizer: Value| json!({ "model": "T2V-01", "prompt": "a fox", "prompt_optimizer": optimizer });
    for (optimizer, drawn) in [(Value::Null, json!("A red fox runs.")), (json!(false), Value::Null)] {
        assert_eq!(submit(&server, body(optimizer)).await.0, 0);
        assert_eq!(video(&server).await["revised_prompt"], drawn);
    }
}

#[tokio::test]
async fn what_moderation_refuses_or_cannot_judge_has_its_own_code() {
    for (say, code) in [(flagged(true), 1026), (Say::Status(500), 1033)] {
        let oracle = Oracle::saying(say).await;
        let mut setup = Setup::default();
        setup.moderation.moderation_url = Some(oracle.url());
        let server = Server::with(setup).await;
        assert_eq!(submit(&server, json!({ "model": "T2V-01", "prompt": "a fox" })).await.0, code);
    }
}

#[tokio::test]
async fn a_full_queue_is_asking_too_often() {
    let server = Server::start().await;
    sqlx::query("update accounts set max_queued = 1").execute(&server.pool).await.unwrap();
    let body = json!({ "model": "T2V-01", "prompt": "a fox" });
    assert_eq!(submit(&server, body.clone()).await.0, 0);
    assert_eq!(submit(&server, body).await.0, 1002);
}

#[tokio::test]
async fn a_repeated_submit_is_answered_with_the_first_task() {
    let server = Server::start().await;
    let send = || {
        let request = server.request(Method::POST, "/v1/video_generation").header("idempotency-key", "once");
        say(request.json(&json!({ "model": "T2V-01", "prompt": "a fox" })))
    };
    let ((_, first), (_, again)) = (send().await, send().await);
    assert_eq!(first, again);
    assert_eq!(server.get("/v1/videos").await.1["data"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn a_callback_has_to_return_its_challenge() {
    let server = Server::start().await;
    let receiver = Receiver::answering([]).await;
    let body = |url: &str| json!({ "model": "T2V-01", "prompt": "a fox", "callback_url": url });
    assert_eq!(submit(&server, body(receiver.url())).await.0, 0);
    assert_eq!((receiver.challenges().len(), receiver.messages().len()), (1, 0));
    let other = json!({ "challenge": "another" });
    for say in [Say::Json(other), Say::Json(json!({})), Say::Text("ok"), Say::Status(500), Say::Nothing, Say::Endless] {
        let oracle = Oracle::saying(say.clone()).await;
        let (code, answer) = submit(&server, body(oracle.url().as_str())).await;
        let message = answer["base_resp"]["status_msg"].as_str().unwrap();
        assert!(code == 2013 && message.contains("callback_url"), "{say:?} {answer}");
    }
    assert_eq!(server.get("/v1/videos").await.1["data"].as_array().unwrap().len(), 1);
}
