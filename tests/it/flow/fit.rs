//! How an image of other proportions comes into a video.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use clipmill_tests::server::{answer, text};
use clipmill_tests::{Server, picture, video};
use image::{ImageFormat, Rgb, RgbImage};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

const SIDE: u32 = 240;

/// Twice as wide as high: the first quarter red, the last blue, green between.
fn body(fit: Option<&str>) -> Value {
    let image = RgbImage::from_fn(480, 240, |x, _| match x / 120 {
        0 => Rgb([220, 30, 30]),
        3 => Rgb([30, 30, 220]),
        _ => Rgb([30, 220, 30]),
    });
    let url = format!("data:image/png;base64,{}", BASE64.encode(picture::encode(&image, ImageFormat::Png)));
    json!({ "prompt": "three colours [Static shot]", "size": format!("{SIDE}x{SIDE}"), "seconds": 1, "seed": 3,
            "input_reference": url, "fit": fit })
}

/// The first frame of the video that comes of it, each of these places as r, g, b or k for black.
async fn seen(server: &Server, fit: Option<&str>, places: [(u32, u32); 5]) -> String {
    let job = server.submit(body(fit)).await;
    assert_eq!(job["fit"], fit.unwrap_or("crop"));
    server.render().await;
    let content = server.request(Method::GET, &format!("/v1/videos/{}/content", text(&job["id"])));
    let frame = video::frame(&content.send().await.unwrap().bytes().await.unwrap(), 0, SIDE, SIDE);
    places.map(|(x, y)| name(frame.get_pixel(x, y))).iter().collect()
}

fn name(pixel: &Rgb<u8>) -> char {
    let brightest = (0..3).max_by_key(|channel| pixel[*channel]).unwrap();
    if pixel[brightest] < 70 { 'k' } else { ['r', 'g', 'b'][brightest] }
}

#[tokio::test]
async fn each_fit_shows_what_it_says() {
    let server = Server::start().await;
    let (left, right, top, bottom, centre) = ((6, 120), (233, 120), (120, 6), (120, 233), (120, 120));
    let places = [left, centre, right, top, bottom];
    assert_eq!(seen(&server, None, places).await, "ggggg", "the edges are cut off");
    assert_eq!(seen(&server, Some("crop"), places).await, "ggggg", "as if nothing was asked for");
    assert_eq!(seen(&server, Some("pad"), places).await, "rgbkk", "all of it between bars");
    assert_eq!(seen(&server, Some("stretch"), places).await, "rgbgg", "all of it, everywhere");
}

#[tokio::test]
async fn an_image_of_other_proportions_can_be_refused_at_the_door() {
    let server = Server::start().await;
    let (status, refused) = answer(server.request(Method::POST, "/v1/videos").json(&body(Some("reject")))).await;
    assert_eq!((status, &refused["error"]["param"]), (StatusCode::BAD_REQUEST, &json!("input_reference")), "{refused}");
    let message = text(&refused["error"]["message"]);
    assert!(message.contains("480x240") && message.contains("240x240"), "{message}");

    let mut last = body(Some("reject"));
    last["last_frame"] = last["input_reference"].take();
    let (_, refused) = answer(server.request(Method::POST, "/v1/videos").json(&last)).await;
    assert_eq!(refused["error"]["param"], "last_frame");
    for size in [json!("480x240"), Value::Null] {
        let mut good = body(Some("reject"));
        good["size"] = size;
        server.submit(good).await;
    }
    let (_, refused) = answer(server.request(Method::POST, "/v1/videos").json(&body(Some("squeeze")))).await;
    assert_eq!(refused["error"]["param"], "fit");
}

#[tokio::test]
async fn a_job_without_an_image_has_no_fit() {
    let server = Server::start().await;
    let job = server.submit(json!({ "prompt": "a fox", "fit": "pad" })).await;
    assert_eq!(job["fit"], Value::Null);
}
