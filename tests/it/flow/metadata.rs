//! What images say beside what they show is not kept, whichever way they come.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use clipmill_tests::photograph::{COLOURS, SECRET, contains, exif_bytes, photograph, upright};
use clipmill_tests::server::{answer, small, text};
use clipmill_tests::{Server, picture};
use image::{ImageFormat, RgbImage};
use reqwest::multipart::{Form, Part};
use reqwest::{Client, Method, StatusCode};
use serde_json::json;

const FORMATS: [(ImageFormat, &str); 3] =
    [(ImageFormat::Jpeg, "image/jpeg"), (ImageFormat::Png, "image/png"), (ImageFormat::WebP, "image/webp")];
const LARGEST: usize = 20 * 1024 * 1024;

/// A picture without symmetries.
fn corner() -> RgbImage {
    RgbImage::from_fn(96, 64, |x, y| image::Rgb([(x * 2) as u8, (y * 3) as u8, u8::from(x < 20 && y < 10) * 255]))
}

/// Asserts that an object shows what a file showed, and says no more.
async fn assert_clean(server: &Server, key: &str, file: &[u8], orientation: u8) {
    let kept = server.storage.read(key, LARGEST).await.unwrap();
    assert!(contains(file, SECRET) && !contains(&kept, SECRET), "{key}");
    assert!(contains(&kept, COLOURS), "{key} has its colours");
    assert!(!contains(&kept, b"ftyp"), "{key}");
    assert_eq!(exif_bytes(&kept), if orientation == 1 { 0 } else { 26 }, "{key} turned by {orientation}");
    assert!(upright(&kept) == upright(file), "{key} turned by {orientation} looks the same");
}

/// The keys of source images of jobs.
async fn sources(server: &Server) -> Vec<String> {
    let keys = server.objects_of_account().await;
    keys.into_iter().filter(|key| key.contains("/source/")).collect()
}

#[tokio::test]
async fn a_file_that_is_put_up_is_stored_without_its_metadata_and_looks_the_same() {
    let server = Server::start().await;
    for (format, content_type) in FORMATS {
        for orientation in 1..=8 {
            let file = photograph(&corner(), format, orientation);
            let form = Form::new().part("file", Part::bytes(file.clone()).file_name("me.jpg"));
            let (status, view) = answer(server.request(Method::POST, "/v1/files").multipart(form)).await;
            assert_eq!((status, &view["content_type"]), (StatusCode::OK, &json!(content_type)), "{view}");
            let sides = if orientation < 5 { (96, 64) } else { (64, 96) };
            assert_eq!((&view["width"], &view["height"]), (&json!(sides.0), &json!(sides.1)), "{orientation}");
            let [key] = server.file_objects(&view["id"]).await.try_into().expect("one object");
            assert_clean(&server, &key, &file, orientation).await;
        }
    }
}

#[tokio::test]
async fn what_was_stored_by_a_link_is_not_kept_as_it_came() {
    let server = Server::start().await;
    for (format, content_type) in FORMATS {
        let bytes = photograph(&corner(), format, 6);
        let announced = json!({ "filename": "me", "content_type": content_type, "bytes": bytes.len() });
        let (_, file) = answer(server.request(Method::POST, "/v1/files").json(&announced)).await;
        let put = async || {
            let put = Client::new().put(text(&file["upload"]["url"])).header("content-type", content_type);
            assert_eq!(put.body(bytes.clone()).send().await.unwrap().status(), StatusCode::OK);
        };
        put().await;
        let path = format!("/v1/files/{}/complete", text(&file["id"]));
        let (status, ready) = answer(server.request(Method::POST, &path)).await;
        assert_eq!((status, &ready["width"], &ready["height"]), (StatusCode::OK, &json!(64), &json!(96)), "{ready}");
        let [key] = server.file_objects(&file["id"]).await.try_into().expect("one object");
        assert_clean(&server, &key, &bytes, 6).await;
        assert_eq!(ready["bytes"], json!(server.storage.read(&key, LARGEST).await.unwrap().len()));

        // The link still works for a while, and whoever has it may store there again.
        put().await;
        assert_eq!(server.file_objects(&file["id"]).await.len(), 2);
        sqlx::query("update removals set due_at = now()").execute(&server.pool).await.unwrap();
        assert_eq!(server.expire().await, 1);
        assert_eq!(server.file_objects(&file["id"]).await, [key], "what came by the link goes, the file stays");
    }
}

#[tokio::test]
async fn the_images_of_a_submit_are_stored_without_their_metadata() {
    let server = Server::start().await;
    for (format, content_type) in FORMATS {
        let file = photograph(&corner(), format, 8);
        let mut body = small();
        body["input_reference"] = json!(format!("data:{content_type};base64,{}", BASE64.encode(&file)));
        server.submit(body).await;
        let form = Form::new().text("prompt", "me").part("input_reference", Part::bytes(file.clone()).file_name("me"));
        let (status, job) = answer(server.request(Method::POST, "/v1/videos").multipart(form)).await;
        assert_eq!(status, StatusCode::OK, "{job}");
        let task = json!({ "model": "I2V-01", "first_frame_image": format!("data:{content_type};base64,{}", BASE64.encode(&file)) });
        let (_, task) = answer(server.request(Method::POST, "/v1/video_generation").json(&task)).await;
        assert_eq!(task["base_resp"]["status_code"], 0, "{task}");
        let keys = sources(&server).await;
        assert_eq!(keys.len(), 3, "{keys:?}");
        for key in keys {
            assert_clean(&server, &key, &file, 8).await;
        }
        server.storage.remove_prefix(&format!("{}/", server.account)).await.unwrap();
    }
}

#[tokio::test]
async fn a_photograph_that_was_held_upright_becomes_an_upright_video() {
    let server = Server::start().await;
    let turned = image::imageops::rotate270(&picture::decode(picture::COFFEE));
    let file = photograph(&turned, ImageFormat::Jpeg, 6);
    let form = Form::new()
        .text("prompt", "a cup [Static shot]")
        .text("seconds", "1")
        .text("size", "480x320")
        .part("input_reference", Part::bytes(file).file_name("cup.jpg"));
    let (_, job) = answer(server.request(Method::POST, "/v1/videos").multipart(form)).await;
    server.render().await;
    assert_eq!(server.video(&job["id"]).await["status"], "completed");
    let path = format!("/v1/videos/{}/content", text(&job["id"]));
    let content = server.request(Method::GET, &path).send().await.unwrap().bytes().await.unwrap();
    let frame = clipmill_tests::video::frame(&content, 0, 480, 320);
    let expected = picture::cover(&picture::decode(picture::COFFEE), 480, 320);
    assert!(picture::psnr(&frame, &expected) > 23.0, "{} dB", picture::psnr(&frame, &expected));
}
