use clipmill_tests::Server;
use clipmill_tests::picture::{encode, plain};
use clipmill_tests::server::{answer, small, text};
use image::ImageFormat;
use reqwest::multipart::{Form, Part};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

async fn remix(server: &Server, id: &Value, body: Value) -> (StatusCode, Value) {
    server.post(&format!("/v1/videos/{}/remix", text(id)), body).await
}

#[tokio::test]
async fn a_remix_has_a_new_prompt_and_all_else_of_the_earlier_video() {
    let server = Server::start().await;
    let mut body = small();
    body["metadata"] = json!({ "shot": "7" });
    body["negative_prompt"] = json!("fog");
    body["style"] = json!("watercolour");
    body["camera"] = json!(["pan_left", ["push_in", "tilt_up"]]);
    let earlier = server.submit(body).await;
    let (status, video) = remix(&server, &earlier["id"], json!({ "prompt": "a blue boat" })).await;
    assert_eq!(status, StatusCode::OK, "{video}");
    assert_eq!(video["remixed_from_video_id"], earlier["id"]);
    assert_ne!(video["id"], earlier["id"]);
    assert_eq!(video["prompt"], "a blue boat");
    let drawn = text(&video["revised_prompt"]);
    assert!(drawn.starts_with("a blue boat. ") && drawn.ends_with(text(&earlier["camera"])), "{drawn}");
    for same in [
        "model",
        "size",
        "seconds",
        "fps",
        "seed",
        "style",
        "camera",
        "negative_prompt",
        "metadata",
        "retention_seconds",
    ] {
        assert_eq!(video[same], earlier[same], "{same}");
    }
    for _ in 0..2 {
        server.render().await;
    }
    assert_eq!(server.video(&video["id"]).await["status"], "completed");
}

#[tokio::test]
async fn a_remix_has_the_file_of_the_earlier_video_but_for_what_it_says_itself() {
    let server = Server::start().await;
    let mut body = small();
    body["output"] =
        json!({ "quality": "high", "container": "fragmented_mp4", "size": "512x288", "fps": 48, "loop": true });
    let earlier = server.submit(body).await;
    let (_, video) = remix(&server, &earlier["id"], json!({ "prompt": "a boat" })).await;
    assert_eq!(video["output"], earlier["output"]);
    let asked = json!({ "prompt": "a boat", "output": { "quality": "compact", "fps": 24, "loop": false } });
    let (_, video) = remix(&server, &earlier["id"], asked).await;
    let mut expected = earlier["output"].clone();
    (expected["quality"], expected["fps"], expected["loop"]) = (json!("compact"), json!(24), json!(false));
    assert_eq!(video["output"], expected);
    for (output, param) in [(json!({ "fps": 12 }), "output.fps"), (json!({ "colour": 1 }), "output.colour")] {
        let (status, body) = remix(&server, &earlier["id"], json!({ "prompt": "a boat", "output": output })).await;
        assert_eq!((status, text(&body["error"]["param"])), (StatusCode::BAD_REQUEST, param));
    }
}

#[tokio::test]
async fn a_remix_takes_the_images_along_for_as_long_as_they_are_kept() {
    let server = Server::start().await;
    let form = Form::new().text("prompt", "a cup").text("size", "256x144").text("seconds", "1");
    let form =
        form.part("input_reference", Part::bytes(encode(&plain(256, 144), ImageFormat::Png)).file_name("cup.png"));
    let (status, earlier) = answer(server.request(Method::POST, "/v1/videos").multipart(form)).await;
    assert_eq!(status, StatusCode::OK, "{earlier}");
    let (status, video) = remix(&server, &earlier["id"], json!({ "prompt": "a bowl" })).await;
    assert_eq!((status, &video["mode"]), (StatusCode::OK, &json!("image_to_video")), "{video}");
    assert_eq!(server.objects(&video["id"]).await.len(), 1, "it has an image of its own");
    for _ in 0..2 {
        server.render().await;
    }
    assert_eq!(server.video(&video["id"]).await["status"], "completed");
    server.expire().await;
    let (status, body) = remix(&server, &earlier["id"], json!({ "prompt": "a plate" })).await;
    assert_eq!((status, &body["error"]["code"]), (StatusCode::CONFLICT, &json!("source_gone")));
}

#[tokio::test]
async fn a_remix_is_made_once_for_a_key_and_only_of_ones_own_videos() {
    let server = Server::start().await;
    let earlier = server.submit_small().await;
    let path = format!("/v1/videos/{}/remix", text(&earlier["id"]));
    let send = async |key: &str, body: Value| {
        answer(server.anonymous(Method::POST, &path).bearer_auth(key).header("idempotency-key", "one").json(&body))
            .await
    };
    let (_, first) = send(server.key(), json!({ "prompt": "a kite" })).await;
    let (_, again) = send(server.key(), json!({ "prompt": "a kite" })).await;
    assert_eq!(first["id"], again["id"]);
    let (status, body) = send(server.key(), json!({ "prompt": "a ball" })).await;
    assert_eq!((status, &body["error"]["code"]), (StatusCode::CONFLICT, &json!("idempotency_key_reused")));
    let (status, body) = send(&server.stranger().await, json!({ "prompt": "a kite" })).await;
    assert_eq!((status, &body["error"]["code"]), (StatusCode::NOT_FOUND, &json!("video_not_found")));
    for (body, param) in [(json!({}), "prompt"), (json!({ "prompt": "a", "seed": 1 }), "seed")] {
        let (status, body) = remix(&server, &earlier["id"], body).await;
        assert_eq!((status, text(&body["error"]["param"])), (StatusCode::BAD_REQUEST, param));
    }
}
