use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use clipmill_tests::Server;
use clipmill_tests::picture;
use clipmill_tests::server::{answer, small};
use image::ImageFormat;
use reqwest::multipart::{Form, Part};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

#[tokio::test]
async fn a_prompt_alone_is_enough() {
    let server = Server::start().await;
    let video = server.submit(json!({ "prompt": "a fox" })).await;
    assert!(video["id"].as_str().unwrap().starts_with("video_"));
    for (field, value) in [
        ("object", json!("video")),
        ("model", json!("fast")),
        ("tier", json!("fast")),
        ("mode", json!("text_to_video")),
        ("status", json!("queued")),
        ("progress", json!(0)),
        ("seconds", json!("4")),
        ("size", json!("720x1280")),
        ("fps", json!(24)),
        ("attempt", json!(0)),
        ("queue_position", json!(0)),
        ("error", Value::Null),
        ("completed_at", Value::Null),
        ("expires_at", Value::Null),
        ("started_at", Value::Null),
        ("cancelled_at", Value::Null),
        ("remixed_from_video_id", Value::Null),
        ("outputs", json!([])),
        ("metadata", json!({})),
        ("retention_seconds", json!(86_400)),
    ] {
        assert_eq!(video[field], value, "{field}");
    }
    assert!(video["seed"].as_i64().unwrap() >= 0);
}

#[tokio::test]
async fn every_field_is_kept_in_json_and_in_multipart_alike() {
    let server = Server::start().await;
    let json = server
        .submit(json!({
            "prompt": "a fox", "model": "sora-2-pro", "seconds": 6, "size": "1920x1080", "seed": "42",
            "negative_prompt": "cats", "fps": 12, "metadata": { "order": "17" }, "webhook_url": "https://example.com/hook",
            "retention_seconds": 3600, "input_reference": null,
        }))
        .await;
    let form = [
        ("prompt", "a fox"),
        ("model", "sora-2-pro"),
        ("seconds", "6"),
        ("size", "1920x1080"),
        ("seed", "42"),
        ("negative_prompt", "cats"),
        ("fps", "12"),
        ("metadata[order]", "17"),
        ("webhook_url", "https://example.com/hook"),
        ("retention_seconds", "3600"),
    ];
    let form = form.into_iter().fold(Form::new(), |form, (name, value)| form.text(name, value));
    let (status, multipart) = answer(server.request(Method::POST, "/v1/videos").multipart(form)).await;
    assert_eq!(status, StatusCode::OK, "{multipart}");
    for field in [
        "prompt",
        "model",
        "tier",
        "seconds",
        "size",
        "seed",
        "negative_prompt",
        "fps",
        "metadata",
        "webhook_url",
        "retention_seconds",
    ] {
        assert_eq!(json[field], multipart[field], "{field}");
        assert!(!json[field].is_null(), "{field}");
    }
    assert_eq!(json["tier"], "pro");
}

#[tokio::test]
async fn an_image_comes_as_a_file_a_data_url_or_a_bracket_field() {
    let server = Server::start().await;
    let data_url = format!("data:image/jpeg;base64,{}", BASE64.encode(picture::COFFEE));
    let file =
        Form::new().text("prompt", "a cup").part("input_reference", Part::bytes(picture::COFFEE).file_name("upload"));
    let bracket = Form::new().text("prompt", "a cup").text("input_reference[image_url]", data_url.clone());
    let requests = [
        server.request(Method::POST, "/v1/videos").multipart(file),
        server.request(Method::POST, "/v1/videos").multipart(bracket),
        server
            .request(Method::POST, "/v1/videos")
            .json(&json!({ "prompt": "a cup", "input_reference": { "image_url": data_url } })),
        server.request(Method::POST, "/v1/videos").json(&json!({ "prompt": "a cup", "input_reference": data_url })),
    ];
    for request in requests {
        let (status, video) = answer(request).await;
        assert_eq!(status, StatusCode::OK, "{video}");
        assert_eq!(
            (&video["mode"], &video["size"]),
            (&json!("image_to_video"), &json!("1174x782")),
            "the size follows the image"
        );
        assert_eq!(server.objects(&video["id"]).await.len(), 1);
    }
}

#[tokio::test]
async fn an_image_may_be_fetched_from_an_address() {
    let server = Server::start().await;
    let app = axum::Router::new().route("/cup.jpg", axum::routing::get(async || picture::COFFEE));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move { axum::serve(listener, app).await });
    let video = server.submit(json!({ "prompt": "a cup", "last_frame": format!("http://{address}/cup.jpg") })).await;
    assert_eq!(video["mode"], "image_to_video");
    let (status, body) =
        create(&server, json!({ "prompt": "a cup", "input_reference": format!("http://{address}/gone.jpg") })).await;
    assert_eq!((status, &body["error"]["param"]), (StatusCode::BAD_REQUEST, &json!("input_reference")));
}

#[tokio::test]
async fn every_accepted_format_is_known_by_its_content() {
    let server = Server::start().await;
    let image = picture::plain(80, 64);
    for format in [ImageFormat::Jpeg, ImageFormat::Png, ImageFormat::WebP] {
        let part = Part::bytes(picture::encode(&image, format)).file_name("lies.gif").mime_str("text/plain").unwrap();
        let form = Form::new().text("prompt", "a wall").part("input_reference", part);
        let (status, video) = answer(server.request(Method::POST, "/v1/videos").multipart(form)).await;
        assert_eq!(status, StatusCode::OK, "{format:?} {video}");
    }
}

#[tokio::test]
async fn what_cannot_be_accepted_is_a_400_that_names_the_field_and_leaves_nothing_behind() {
    let server = Server::start().await;
    let tiny =
        format!("data:image/png;base64,{}", BASE64.encode(picture::encode(&picture::plain(32, 32), ImageFormat::Png)));
    let metadata: serde_json::Map<String, Value> = (0..17).map(|n| (n.to_string(), json!("x"))).collect();
    let cases = [
        ("prompt", json!({})),
        ("prompt", json!({ "prompt": "" })),
        ("prompt", json!({ "prompt": 7 })),
        ("prompt", json!({ "prompt": "a".repeat(5001) })),
        ("prompt", json!({ "prompt": "a\u{0}b" })),
        ("model", json!({ "prompt": "a", "model": "gpt-4" })),
        ("seconds", json!({ "prompt": "a", "seconds": "four" })),
        ("seconds", json!({ "prompt": "a", "seconds": 12 })),
        ("seconds", json!({ "prompt": "a", "seconds": -1 })),
        ("seconds", json!({ "prompt": "a", "seconds": 99_999_999_999_i64 })),
        ("seconds", json!({ "prompt": "a", "model": "pro", "size": "1920x1080", "seconds": 7 })),
        ("size", json!({ "prompt": "a", "size": "1920x1080" })),
        ("size", json!({ "prompt": "a", "size": "0x0" })),
        ("size", json!({ "prompt": "a", "size": "big" })),
        ("size", json!({ "prompt": "a", "size": "1281x720" })),
        ("size", json!({ "prompt": "a", "size": "64x640" })),
        ("seed", json!({ "prompt": "a", "seed": -1 })),
        ("seed", json!({ "prompt": "a", "seed": 1.5 })),
        ("seed", json!({ "prompt": "a", "seed": 9_007_199_254_740_992_i64 })),
        ("fps", json!({ "prompt": "a", "fps": 0 })),
        ("negative_prompt", json!({ "prompt": "a", "negative_prompt": "a".repeat(5001) })),
        ("metadata", json!({ "prompt": "a", "metadata": metadata })),
        ("metadata", json!({ "prompt": "a", "metadata": { "a": 1 } })),
        ("metadata", json!({ "prompt": "a", "metadata": { "a": "\u{0}" } })),
        ("metadata", json!({ "prompt": "a", "metadata": [] })),
        ("webhook_url", json!({ "prompt": "a", "webhook_url": "ftp://example.com" })),
        ("webhook_url", json!({ "prompt": "a", "webhook_url": "https://me:pw@example.com" })),
        ("retention_seconds", json!({ "prompt": "a", "retention_seconds": 0 })),
        ("retention_seconds", json!({ "prompt": "a", "retention_seconds": 604_801 })),
        ("input_reference", json!({ "prompt": "a", "input_reference": 7 })),
        ("input_reference", json!({ "prompt": "a", "input_reference": "data:image/png;base64,AAAA" })),
        ("input_reference", json!({ "prompt": "a", "input_reference": { "file_id": "file_1" } })),
        ("last_frame", json!({ "prompt": "a", "last_frame": tiny })),
        ("colour", json!({ "prompt": "a", "colour": "red" })),
    ];
    for (field, body) in cases {
        let (status, answer) = create(&server, body.clone()).await;
        assert_eq!(status, StatusCode::BAD_REQUEST, "{body} {answer}");
        assert_eq!(answer["error"]["param"], field, "{body} {answer}");
        assert_eq!(answer["error"]["type"], "invalid_request_error");
        assert!(answer["error"]["message"].as_str().unwrap().len() > 20, "{answer}");
    }
    let jobs: i64 = sqlx::query_scalar("select count(*) from jobs").fetch_one(&server.pool).await.unwrap();
    assert_eq!(jobs, 0);
    assert!(server.storage.list(&server.account.to_string()).await.unwrap().is_empty());
}

#[tokio::test]
async fn bodies_that_cannot_be_read_are_refused_in_our_shape() {
    let server = Server::start().await;
    let request = |media_type: &'static str, body: Vec<u8>| {
        server.request(Method::POST, "/v1/videos").header("content-type", media_type).body(body)
    };
    let cut = b"--x\r\nContent-Disposition: form-data; name=\"prompt\"\r\n\r\na fo".to_vec();
    let cases = [
        (request("application/json", b"{".to_vec()), 400, "invalid_body"),
        (request("application/json", b"[]".to_vec()), 400, "invalid_body"),
        (request("application/json", b"\xff\xfe".to_vec()), 400, "invalid_body"),
        (request("application/json", b"{\"prompt\": \"\\ud800\"}".to_vec()), 400, "invalid_value"),
        (request("application/json", vec![b'['; 100_000]), 400, "invalid_body"),
        (request("multipart/form-data", b"x".to_vec()), 400, "invalid_body"),
        (request("multipart/form-data; boundary=x", cut), 400, "invalid_body"),
        (request("text/plain", b"a fox".to_vec()), 415, "unsupported_media_type"),
        (server.request(Method::POST, "/v1/videos"), 415, "unsupported_media_type"),
        (request("application/json", vec![b' '; 60 * 1024 * 1024]), 413, "body_too_large"),
    ];
    for (request, status, code) in cases {
        let (got, body) = answer(request).await;
        assert_eq!((got.as_u16(), body["error"]["code"].as_str()), (status, Some(code)), "{body}");
    }
}

#[tokio::test]
async fn without_a_live_key_nothing_is_taken() {
    let server = Server::start().await;
    for key in ["", "cm_", "sk-1234", "cm_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"] {
        let request = server.anonymous(Method::POST, "/v1/videos").bearer_auth(key).json(&small());
        let (status, body) = answer(request).await;
        assert_eq!(
            (status, body["error"]["code"].as_str()),
            (StatusCode::UNAUTHORIZED, Some("invalid_api_key")),
            "{key}"
        );
    }
    let key = clipmill_shared::accounts::keys::list(&server.pool, server.account).await.unwrap().remove(0);
    clipmill_shared::accounts::keys::revoke(&server.pool, server.account, key.id).await.unwrap();
    let (status, _) = create(&server, small()).await;
    assert_eq!(status, StatusCode::UNAUTHORIZED, "a revoked key is dead at once");
}

#[tokio::test]
async fn a_repeated_key_answers_with_the_first_job() {
    let server = Server::start().await;
    let submit = |body: Value, key: &'static str| {
        server.request(Method::POST, "/v1/videos").header("idempotency-key", key).json(&body)
    };
    let (_, first) = answer(submit(small(), "one")).await;
    let again = submit(small(), "one").send().await.unwrap();
    assert_eq!(again.headers()["idempotency-replayed"], "true");
    assert_eq!(again.json::<Value>().await.unwrap()["id"], first["id"]);
    let (_, other) = answer(submit(small(), "two")).await;
    assert_ne!(other["id"], first["id"]);

    let mut changed = small();
    changed["prompt"] = json!("something else");
    let refused = submit(changed, "one").send().await.unwrap();
    assert_eq!(refused.status(), StatusCode::CONFLICT);
    assert_eq!(refused.headers()["x-should-retry"], "false");
    assert_eq!(refused.json::<Value>().await.unwrap()["error"]["code"], "idempotency_key_reused");
    let (status, body) = answer(submit(small(), "ü")).await;
    assert_eq!((status, &body["error"]["param"]), (StatusCode::BAD_REQUEST, &json!("Idempotency-Key")));
}

#[tokio::test(flavor = "multi_thread")]
async fn fifty_simultaneous_submits_with_one_key_make_one_job() {
    let server = Server::start().await;
    let mut body = small();
    body["input_reference"] = json!(format!("data:image/jpeg;base64,{}", BASE64.encode(picture::CHELSEA)));
    let mut submits = tokio::task::JoinSet::new();
    for _ in 0..50 {
        submits.spawn(answer(server.request(Method::POST, "/v1/videos").header("idempotency-key", "k").json(&body)));
    }
    let answers = submits.join_all().await;
    assert!(answers.iter().all(|(status, _)| *status == StatusCode::OK), "{answers:?}");
    assert!(answers.iter().all(|(_, video)| video["id"] == answers[0].1["id"]));
    let jobs: i64 = sqlx::query_scalar("select count(*) from jobs").fetch_one(&server.pool).await.unwrap();
    assert_eq!(jobs, 1);
    while server.expire().await > 0 {}
    let keys = server.storage.list(&server.account.to_string()).await.unwrap();
    assert_eq!(keys.len(), 1, "only the winner's image stays: {keys:?}");
}

/// Another request takes the key after this one looked for it, and is committed while this one's row waits.
#[tokio::test]
async fn the_image_of_a_submit_that_loses_its_key_at_the_last_moment_goes() {
    let server = Server::start().await;
    let mut body = small();
    body["input_reference"] = json!(format!("data:image/jpeg;base64,{}", BASE64.encode(picture::CHELSEA)));
    let submit =
        |key: &'static str| server.request(Method::POST, "/v1/videos").header("idempotency-key", key).json(&body);
    let (_, first) = answer(submit("first")).await;
    let mut other = server.pool.begin().await.unwrap();
    let took = sqlx::query("update jobs set idempotency_key = 'key'").execute(&mut *other).await.unwrap();
    assert_eq!(took.rows_affected(), 1);
    let late = tokio::spawn(answer(submit("key")));
    let waits = "select count(*) from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'";
    while sqlx::query_scalar::<_, i64>(waits).fetch_one(&server.pool).await.unwrap() == 0 {
        assert!(!late.is_finished(), "the submit waits for the key");
    }
    other.commit().await.unwrap();
    let (status, answered) = late.await.unwrap();
    assert_eq!((status, &answered["id"]), (StatusCode::OK, &first["id"]), "{answered}");
    while server.expire().await > 0 {}
    let keys = server.storage.list(&server.account.to_string()).await.unwrap();
    assert_eq!(keys.len(), 1, "only the first image stays: {keys:?}");
}

#[tokio::test]
async fn what_is_given_twice_or_in_the_wrong_kind_is_refused() {
    let server = Server::start().await;
    let file = || Part::bytes(picture::COFFEE).file_name("cup.jpg");
    let forms = [
        ("prompt", Form::new().text("prompt", "a").text("prompt", "b")),
        ("metadata", Form::new().text("prompt", "a").part("metadata", file())),
        ("metadata", Form::new().text("prompt", "a").text("metadata[a]", "1").text("metadata[a]", "2")),
        ("metadata", Form::new().text("prompt", "a").text("metadata[a]", "1").text("metadata", "{}")),
        (
            "input_reference",
            Form::new().text("prompt", "a").part("input_reference", file()).part("input_reference", file()),
        ),
        (
            "input_reference",
            Form::new().text("prompt", "a").part("input_reference", file()).text("input_reference", "x"),
        ),
        (
            "input_reference",
            Form::new().text("prompt", "a").text("input_reference[image_url]", "x").part("input_reference", file()),
        ),
    ];
    for (field, form) in forms {
        let (status, body) = answer(server.request(Method::POST, "/v1/videos").multipart(form)).await;
        assert_eq!((status, &body["error"]["param"]), (StatusCode::BAD_REQUEST, &json!(field)), "{body}");
    }
    let twice = server.request(Method::POST, "/v1/videos").header("content-type", "application/json");
    let (status, _) = answer(twice.body(r#"{"prompt": "a", "prompt": "b"}"#)).await;
    assert_eq!(status, StatusCode::BAD_REQUEST);
    let keys = server.request(Method::POST, "/v1/videos").header("idempotency-key", "a").header("idempotency-key", "b");
    assert_eq!(answer(keys.json(&small())).await.0, StatusCode::BAD_REQUEST);
}

async fn create(server: &Server, body: Value) -> (StatusCode, Value) {
    answer(server.request(Method::POST, "/v1/videos").json(&body)).await
}
