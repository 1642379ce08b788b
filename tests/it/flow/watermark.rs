//! A visible mark on its way: from the account's setting to the pixels, and out of the store and the ledger again.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use clipmill_tests::picture::encode;
use clipmill_tests::server::{small, text};
use clipmill_tests::{Server, video};
use image::{ImageFormat, Rgb, RgbImage};
use reqwest::Method;
use serde_json::{Value, json};

const WIDTH: u32 = 256;
const HEIGHT: u32 = 144;

async fn rendered(server: &Server, mark: Value) -> Value {
    let mut body = small();
    body["watermark"] = mark;
    let job = server.submit(body).await;
    server.render().await;
    let job = server.video(&job["id"]).await;
    assert_eq!(job["status"], "completed", "{job}");
    job
}

async fn content(server: &Server, job: &Value, variant: &str) -> Vec<u8> {
    let path = format!("/v1/videos/{}/content?variant={variant}", text(&job["id"]));
    server.request(Method::GET, &path).send().await.unwrap().bytes().await.unwrap().into()
}

#[tokio::test]
async fn the_picture_of_an_account_is_on_every_frame_and_leaves_the_store_with_the_sources() {
    let server = Server::start().await;
    let logo = encode(&RgbImage::from_pixel(64, 32, Rgb([230, 20, 220])), ImageFormat::Png);
    let image = format!("data:image/png;base64,{}", BASE64.encode(logo));
    let setting = json!({ "watermark": { "image": image, "opacity": 1 } });
    server.ask(Method::PATCH, "/v1/account", setting).await;
    let (plain, marked) = (rendered(&server, json!(false)).await, rendered(&server, json!(true)).await);
    let (plain_video, marked_video) =
        (content(&server, &plain, "video").await, content(&server, &marked, "video").await);
    for number in [0, 12, 23] {
        let frame = |bytes: &[u8]| video::frame(bytes, number, WIDTH, HEIGHT);
        let (without, with) = (frame(&plain_video), frame(&marked_video));
        // A fifth of the width in the corner at the bottom on the right, 3 % of the height away from the edge.
        let Rgb([red, green, blue]) = *with.get_pixel(WIDTH - 4 - 25, HEIGHT - 4 - 12);
        assert!(red > 190 && green < 70 && blue > 180, "frame {number}: {red} {green} {blue}");
        let strays = without.enumerate_pixels().filter(|(x, y, pixel)| {
            let far = *x < WIDTH - 80 || *y < HEIGHT - 60;
            far && pixel.0.iter().zip(with.get_pixel(*x, *y).0).any(|(one, other)| one.abs_diff(other) > 40)
        });
        assert!(strays.count() < 100, "frame {number}: what is elsewhere stays");
    }
    let poster = image::load_from_memory(&content(&server, &marked, "thumbnail").await).unwrap().into_rgb8();
    let Rgb([red, green, blue]) = *poster.get_pixel(WIDTH - 4 - 25, HEIGHT - 4 - 12);
    assert!(red > 190 && green < 70 && blue > 180, "the poster: {red} {green} {blue}");

    server.expire().await;
    let objects = server.objects(&marked["id"]).await;
    assert!(objects.len() == 5 && objects.iter().all(|key| !key.contains("/source/")), "{objects:?}");
}

#[tokio::test]
async fn words_of_a_mark_go_with_the_media() {
    let server = Server::start().await;
    let job = rendered(&server, json!({ "text": "zanzibarred", "position": "top_left" })).await;
    assert_eq!(job["watermark"]["text"], "zanzibarred");
    server.age_timers().await;
    server.expire().await;
    let job = server.video(&job["id"]).await;
    assert_eq!(job["status"], "expired");
    assert_eq!((&job["watermark"]["text"], &job["watermark"]["position"]), (&json!(""), &json!("top_left")));
    let path = format!("/v1/videos/{}/remix", text(&job["id"]));
    let (_, remix) = server.post(&path, json!({ "prompt": "a blue boat" })).await;
    assert_eq!(remix["watermark"]["text"], "AI-generated", "{remix}");
}

#[tokio::test]
async fn words_of_a_mark_go_as_long_after_a_job_without_a_video() {
    let server = Server::start().await;
    let mut body = small();
    body["watermark"] = json!({ "text": "zanzibarred" });
    let job = server.submit(body).await;
    server.post(&format!("/v1/videos/{}/cancel", text(&job["id"])), Value::Null).await;
    sqlx::query("update jobs set scrub_at = now()").execute(&server.pool).await.unwrap();
    server.expire().await;
    assert_eq!(server.video(&job["id"]).await["watermark"]["text"], "");
}
