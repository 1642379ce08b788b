//! The field `watermark`: of a submit, of an account, and of an account for operators.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use clipmill_tests::picture::{decode, encode, plain};
use clipmill_tests::server::{answer, small, text};
use clipmill_tests::{Server, Setup, picture};
use image::{ImageFormat, Rgb, RgbImage};
use reqwest::multipart::Form;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

fn marked(mark: Value) -> Value {
    let mut body = small();
    body["watermark"] = mark;
    body
}

fn url(bytes: &[u8]) -> String {
    format!("data:image/png;base64,{}", BASE64.encode(bytes))
}

fn png(width: u32, height: u32) -> Vec<u8> {
    encode(&plain(width, height), ImageFormat::Png)
}

async fn change(server: &Server, mark: Value) -> (StatusCode, Value) {
    server.ask(Method::PATCH, "/v1/account", json!({ "watermark": mark })).await
}

async fn require(server: &Server, required: bool) {
    let (operator, path) = (server.operator().await, format!("/v1/admin/accounts/{}", server.account));
    let body = json!({ "watermark_required": required });
    let (status, account) = server.ask_as(&operator, Method::PATCH, &path, body).await;
    assert_eq!((status, &account["watermark_required"]), (StatusCode::OK, &json!(required)), "{account}");
}

async fn refused(server: &Server, body: Value) -> Value {
    let (status, answer) = server.post("/v1/videos", body.clone()).await;
    assert_eq!(status, StatusCode::BAD_REQUEST, "{body}: {answer}");
    answer["error"]["param"].clone()
}

/// The PNG that lies beside the source images of a job.
async fn stored(server: &Server, video: &Value) -> RgbImage {
    let keys = server.objects(&video["id"]).await;
    let key = keys.iter().find(|key| key.ends_with("/source/mark.png")).unwrap_or_else(|| panic!("{keys:?}"));
    decode(&server.storage.read(key, 1 << 20).await.unwrap())
}

#[tokio::test]
async fn a_video_is_marked_where_that_is_asked_for_and_as_it_is_asked_for() {
    let server = Server::start().await;
    assert_eq!(server.submit_small().await["watermark"], Value::Null);
    assert_eq!(server.submit(marked(json!(false))).await["watermark"], Value::Null);
    let usual = json!({ "text": "AI-generated", "image": false, "position": "bottom_right", "opacity": 0.7 });
    for asked in [json!(true), json!({}), json!({ "text": null, "opacity": null })] {
        assert_eq!(server.submit(marked(asked)).await["watermark"], usual);
    }
    let video = server.submit(marked(json!({ "text": " Généré par IA ", "position": "top_left", "opacity": 1 }))).await;
    let other = json!({ "text": "Généré par IA", "image": false, "position": "top_left", "opacity": 1.0 });
    assert_eq!((&video["watermark"], &server.video(&video["id"]).await["watermark"]), (&other, &other));
}

#[tokio::test]
async fn a_multipart_body_says_it_in_text() {
    let server = Server::start().await;
    let form = || Form::new().text("prompt", "a boat").text("size", "256x144").text("seconds", "1");
    for (form, expected) in [
        (form().text("watermark", "true"), json!("AI-generated")),
        (form().text("watermark", "false"), Value::Null),
        (form().text("watermark", r#"{"text": "AI", "opacity": 0.5}"#), json!("AI")),
        (form().text("watermark[text]", "AI").text("watermark[opacity]", "0.5"), json!("AI")),
    ] {
        let (status, video) = answer(server.request(Method::POST, "/v1/videos").multipart(form)).await;
        assert_eq!((status, &video["watermark"]["text"]), (StatusCode::OK, &expected), "{video}");
    }
    let form = form().text("watermark", "perhaps");
    assert_eq!(
        answer(server.request(Method::POST, "/v1/videos").multipart(form)).await.1["error"]["param"],
        "watermark"
    );
}

#[tokio::test]
async fn a_mark_that_cannot_be_is_refused_by_name() {
    let server = Server::start().await;
    for (mark, field) in [
        (json!(1), "watermark"),
        (json!("yes"), "watermark"),
        (json!([]), "watermark"),
        (json!({ "color": "red" }), "watermark"),
        (json!({ "image": "data:image/png;base64,AA" }), "watermark"),
        (json!({ "text": "" }), "watermark.text"),
        (json!({ "text": 7 }), "watermark.text"),
        (json!({ "text": "a\nb" }), "watermark.text"),
        (json!({ "text": "a".repeat(61) }), "watermark.text"),
        (json!({ "text": "🦊" }), "watermark.text"),
        (json!({ "position": "middle" }), "watermark.position"),
        (json!({ "position": 1 }), "watermark.position"),
        (json!({ "opacity": 0.05 }), "watermark.opacity"),
        (json!({ "opacity": 1.5 }), "watermark.opacity"),
        (json!({ "opacity": "NaN" }), "watermark.opacity"),
    ] {
        assert_eq!(refused(&server, marked(mark.clone())).await, json!(field), "{mark}");
    }
    assert_eq!(server.get("/v1/videos").await.1["data"], json!([]));
}

#[tokio::test]
async fn an_account_has_a_mark_of_its_own_until_it_takes_it_away() {
    let server = Server::start().await;
    assert_eq!(server.get("/v1/account").await.1["watermark"], Value::Null);
    let (status, account) = change(&server, json!({ "text": "Ada's studio", "position": "center" })).await;
    let own = json!({ "text": "Ada's studio", "image": false, "position": "center", "opacity": 0.7 });
    assert_eq!((status, &account["watermark"]), (StatusCode::OK, &own), "{account}");
    assert_eq!(server.submit_small().await["watermark"], Value::Null, "it is not asked for");
    let waiting = server.submit(marked(json!(true))).await;
    assert_eq!(waiting["watermark"], own);
    let differs = server.submit(marked(json!({ "opacity": 0.5 }))).await;
    assert_eq!((&differs["watermark"]["text"], &differs["watermark"]["opacity"]), (&own["text"], &json!(0.5)));

    let (_, account) = server.ask(Method::PATCH, "/v1/account", json!({ "name": "Ada" })).await;
    assert_eq!(account["watermark"], own, "what is left out stays");
    assert_eq!(change(&server, Value::Null).await.1["watermark"], Value::Null);
    assert_eq!(server.submit(marked(json!(true))).await["watermark"]["text"], "AI-generated");
    assert_eq!(server.video(&waiting["id"]).await["watermark"], own, "what waits stays as it was submitted");
    let stranger = server.stranger().await;
    let (_, theirs) = server.ask_as(&stranger, Method::GET, "/v1/account", Value::Null).await;
    assert_eq!((&theirs["watermark"], &theirs["watermark_required"]), (&Value::Null, &json!(false)));
}

#[tokio::test]
async fn a_picture_of_an_account_goes_along_with_each_job_as_it_was() {
    let server = Server::start().await;
    // More than other bodies of the account may have.
    let noise = RgbImage::from_fn(250, 250, |x, y| {
        let mixed = (x * 250 + y).wrapping_mul(2_654_435_761);
        let mixed = (mixed ^ (mixed >> 15)).wrapping_mul(2_246_822_519);
        Rgb([(mixed >> 8) as u8, (mixed >> 16) as u8, (mixed >> 24) as u8])
    });
    let first = encode(&noise, ImageFormat::Png);
    assert!((100_000..256 * 1024).contains(&first.len()), "{}", first.len());
    let (status, account) = change(&server, json!({ "image": url(&first), "opacity": 0.9 })).await;
    let own = json!({ "text": null, "image": true, "position": "bottom_right", "opacity": 0.9 });
    assert_eq!((status, &account["watermark"]), (StatusCode::OK, &own), "{account}");

    let earlier = server.submit(marked(json!(true))).await;
    assert_eq!((&earlier["watermark"], &earlier["fit"]), (&own, &Value::Null), "it is no image to start from");
    change(&server, json!({ "image": url(&png(40, 20)) })).await;
    let later = server.submit(marked(json!({ "position": "top_left" }))).await;
    assert_eq!(stored(&server, &earlier).await, noise, "as it was when the job was submitted");
    assert_eq!(stored(&server, &later).await.dimensions(), (40, 20));
    let words = server.submit(marked(json!({ "text": "AI" }))).await;
    assert_eq!((&words["watermark"]["image"], server.objects(&words["id"]).await.len()), (&json!(false), 0));
}

#[tokio::test]
async fn what_cannot_be_the_mark_of_an_account_is_refused_by_name_and_nothing_is_changed() {
    let server = Server::start().await;
    change(&server, json!({ "text": "Ada" })).await;
    let jpeg = format!("data:image/jpeg;base64,{}", BASE64.encode(picture::COFFEE));
    for (mark, field) in [
        (json!(true), "watermark"),
        (json!({}), "watermark"),
        (json!({ "opacity": 0.5 }), "watermark"),
        (json!({ "text": "a", "image": url(&png(20, 20)) }), "watermark"),
        (json!({ "text": "a", "size": 2 }), "watermark"),
        (json!({ "text": "🦊" }), "watermark.text"),
        (json!({ "text": "a", "position": "left" }), "watermark.position"),
        (json!({ "text": "a", "opacity": 0 }), "watermark.opacity"),
        (json!({ "image": 7 }), "watermark.image"),
        (json!({ "image": "https://example.com/logo.png" }), "watermark.image"),
        (json!({ "image": "data:image/png;base64,AAAA" }), "watermark.image"),
        (json!({ "image": jpeg }), "watermark.image"),
        (json!({ "image": url(&png(8, 20)) }), "watermark.image"),
        (json!({ "image": url(&png(20, 1100)) }), "watermark.image"),
    ] {
        let (status, answer) = change(&server, mark.clone()).await;
        assert_eq!((status, &answer["error"]["param"]), (StatusCode::BAD_REQUEST, &json!(field)), "{mark}: {answer}");
    }
    let huge = format!("data:image/png;base64,{}", "A".repeat(500_000));
    assert_eq!(change(&server, json!({ "image": huge })).await.0, StatusCode::PAYLOAD_TOO_LARGE);
    assert_eq!(server.get("/v1/account").await.1["watermark"]["text"], "Ada");
}

#[tokio::test]
async fn where_an_operator_requires_a_mark_every_video_carries_it() {
    let server = Server::start().await;
    require(&server, true).await;
    assert_eq!(server.get("/v1/account").await.1["watermark_required"], true);
    let own = change(&server, json!({ "text": "Ada", "opacity": 0.1 })).await.1["watermark"].clone();
    assert_eq!(own["opacity"], 0.1);
    let video = server.submit_small().await;
    let carried = json!({ "text": "Ada", "image": false, "position": "bottom_right", "opacity": 0.3 });
    assert_eq!(video["watermark"], carried, "seen enough, and without having been asked for");
    for (mark, field) in [
        (json!(false), "watermark"),
        (json!({ "text": "." }), "watermark.text"),
        (json!({ "opacity": 0.2 }), "watermark.opacity"),
    ] {
        assert_eq!(refused(&server, marked(mark.clone())).await, json!(field), "{mark}");
    }
    let moved = server.submit(marked(json!({ "position": "center", "opacity": 0.8 }))).await;
    assert_eq!((&moved["watermark"]["position"], &moved["watermark"]["opacity"]), (&json!("center"), &json!(0.8)));
    let stranger = server.stranger().await;
    let (_, theirs) = server.ask_as(&stranger, Method::POST, "/v1/videos", small()).await;
    assert_eq!(theirs["watermark"], Value::Null, "others are not concerned");

    require(&server, false).await;
    assert_eq!(server.submit_small().await["watermark"], Value::Null);
    assert_eq!(server.submit(marked(json!(false))).await["watermark"], Value::Null);
    let (_, log) = server.get("/v1/account/audit_log?order=asc").await;
    let entries: Vec<_> =
        log["data"].as_array().unwrap().iter().map(|entry| json!([entry["action"], entry["detail"]])).collect();
    let entry = json!(["account.changed", ["watermark_required"]]);
    assert_eq!(entries, [entry.clone(), entry]);
}

#[tokio::test]
async fn only_an_operator_says_what_is_required() {
    let server = Server::start().await;
    let (status, answer) = server.ask(Method::PATCH, "/v1/account", json!({ "watermark_required": false })).await;
    assert_eq!((status, &answer["error"]["param"]), (StatusCode::BAD_REQUEST, &json!("watermark_required")));
}

#[tokio::test]
async fn a_remix_takes_the_mark_along() {
    let server = Server::start().await;
    let remix = async |earlier: &Value| {
        let path = format!("/v1/videos/{}/remix", text(&earlier["id"]));
        let (status, video) = server.post(&path, json!({ "prompt": "a blue boat" })).await;
        assert_eq!(status, StatusCode::OK, "{video}");
        video
    };
    let words = server.submit(marked(json!({ "text": "AI", "position": "top_right", "opacity": 0.4 }))).await;
    let plain = server.submit_small().await;
    change(&server, json!({ "image": url(&png(40, 20)), "position": "center" })).await;
    let image = server.submit(marked(json!({ "opacity": 1 }))).await;
    for earlier in [&words, &plain, &image] {
        assert_eq!(remix(earlier).await["watermark"], earlier["watermark"]);
    }
    assert_eq!(stored(&server, &remix(&image).await).await.dimensions(), (40, 20));
    require(&server, true).await;
    for earlier in [&words, &plain] {
        assert_eq!(remix(earlier).await["watermark"]["image"], true, "now each carries the account's");
    }
}

#[tokio::test]
async fn the_service_has_the_words_of_its_operator() {
    let mut setup = Setup::default();
    setup.clients.watermark.text = "AI生成".to_owned();
    let server = Server::with(setup).await;
    assert_eq!(server.submit(marked(json!(true))).await["watermark"]["text"], "AI生成");
}

#[tokio::test]
async fn a_key_that_was_used_with_another_mark_is_refused() {
    let server = Server::start().await;
    let submit = async |body: Value| {
        answer(server.request(Method::POST, "/v1/videos").header("Idempotency-Key", "k1").json(&body)).await
    };
    let (_, first) = submit(marked(json!(true))).await;
    assert_eq!(submit(marked(json!(true))).await.1["id"], first["id"]);
    assert_eq!(submit(marked(json!({ "opacity": 0.5 }))).await.0, StatusCode::CONFLICT);
}
