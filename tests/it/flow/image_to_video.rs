use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use clipmill_tests::server::text;
use clipmill_tests::{Server, picture, video};
use reqwest::Method;
use serde_json::{Value, json};

const WIDTH: u32 = 480;
const HEIGHT: u32 = 320;

#[tokio::test]
async fn a_picture_becomes_a_video_that_starts_with_it() {
    let server = Server::start().await;
    let job = render(&server, json!({ "input_reference": url(picture::COFFEE) })).await;
    let bytes = download(&server, &job).await;
    assert_eq!(video::ffprobe(&bytes)["streams"][0]["nb_read_frames"], "24");
    let expected = picture::cover(&picture::decode(picture::COFFEE), WIDTH, HEIGHT);
    let first = video::frame(&bytes, 0, WIDTH, HEIGHT);
    assert!(picture::psnr(&first, &expected) > 25.0, "{} dB", picture::psnr(&first, &expected));
    let last = video::frame(&bytes, 23, WIDTH, HEIGHT);
    assert!(picture::psnr(&last, &expected) < 25.0, "the camera has moved");
}

#[tokio::test]
async fn a_last_frame_is_where_the_video_ends() {
    let server = Server::start().await;
    let job =
        render(&server, json!({ "input_reference": url(picture::COFFEE), "last_frame": url(picture::CHELSEA) })).await;
    let bytes = download(&server, &job).await;
    for (number, source) in [(0, picture::COFFEE), (23, picture::CHELSEA)] {
        let expected = picture::cover(&picture::decode(source), WIDTH, HEIGHT);
        let frame = video::frame(&bytes, number, WIDTH, HEIGHT);
        assert!(picture::psnr(&frame, &expected) > 24.0, "frame {number}: {} dB", picture::psnr(&frame, &expected));
    }
}

#[tokio::test]
async fn source_images_go_when_the_job_has_ended_unless_the_account_keeps_its_history() {
    let server = Server::start().await;
    for (keeps, left) in [(false, 0), (true, 1)] {
        sqlx::query("update accounts set keep_history = $1").bind(keeps).execute(&server.pool).await.unwrap();
        let job = render(&server, json!({ "input_reference": url(picture::COFFEE) })).await;
        server.expire().await;
        let objects = server.objects(&job["id"]).await;
        assert_eq!(objects.iter().filter(|key| key.contains("/source/")).count(), left, "{objects:?}");
        assert_eq!(objects.len(), 5 + left);
    }
}

async fn render(server: &Server, images: Value) -> Value {
    let mut body = json!({ "prompt": "a slow look [Push in]", "model": "pro", "size": format!("{WIDTH}x{HEIGHT}"), "seconds": 1, "seed": 3 });
    body.as_object_mut().unwrap().extend(images.as_object().unwrap().clone());
    let job = server.submit(body).await;
    server.render().await;
    let job = server.video(&job["id"]).await;
    assert_eq!((job["status"].as_str(), job["mode"].as_str()), (Some("completed"), Some("image_to_video")), "{job}");
    job
}

fn url(bytes: &[u8]) -> String {
    format!("data:image/jpeg;base64,{}", BASE64.encode(bytes))
}

async fn download(server: &Server, job: &Value) -> Vec<u8> {
    let path = format!("/v1/videos/{}/content", text(&job["id"]));
    server.request(Method::GET, &path).send().await.unwrap().bytes().await.unwrap().into()
}
