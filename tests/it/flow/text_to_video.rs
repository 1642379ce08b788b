use clipmill_tests::server::text;
use clipmill_tests::{Server, video};
use reqwest::Method;
use serde_json::json;

#[tokio::test]
async fn a_prompt_becomes_a_video_that_other_programs_can_read() {
    let server = Server::start().await;
    let job = server
        .submit(json!({ "prompt": "rain over a city at night", "model": "fast", "size": "426x240", "seconds": 2, "seed": 1 }))
        .await;
    server.render().await;
    let job = server.video(&job["id"]).await;
    assert_eq!(
        (job["status"].as_str(), &job["progress"], &job["attempt"]),
        (Some("completed"), &json!(100), &json!(1))
    );
    assert_eq!(job["expires_at"].as_i64().unwrap() - job["completed_at"].as_i64().unwrap(), 86_400);
    assert!(job["started_at"].as_i64().unwrap() >= job["created_at"].as_i64().unwrap());

    let bytes = download(&server, &job, "video").await;
    let probe = video::ffprobe(&bytes);
    let stream = &probe["streams"][0];
    for (field, value) in [
        ("codec_name", json!("h264")),
        ("profile", json!("High")),
        ("pix_fmt", json!("yuv420p")),
        ("width", json!(426)),
        ("height", json!(240)),
        ("r_frame_rate", json!("24/1")),
        ("avg_frame_rate", json!("24/1")),
        ("nb_read_frames", json!("48")),
        ("color_space", json!("bt709")),
        ("color_transfer", json!("bt709")),
        ("color_primaries", json!("bt709")),
        ("color_range", json!("tv")),
        ("duration", json!("2.000000")),
        ("start_time", json!("0.000000")),
    ] {
        assert_eq!(stream[field], value, "{field}");
    }
    assert_eq!(probe["streams"].as_array().unwrap().len(), 1, "no sound was made, so none is claimed");
    let position = |atom: &[u8]| bytes.windows(4).position(|window| window == atom).unwrap();
    assert!(position(b"moov") < position(b"mdat"), "playable before it is loaded whole");
}

#[tokio::test]
async fn the_files_beside_the_video_are_what_they_claim_to_be() {
    let server = Server::start().await;
    let job = server.completed().await;
    let outputs = job["outputs"].as_array().unwrap();
    let variants: Vec<_> = outputs.iter().map(|output| text(&output["variant"])).collect();
    assert_eq!(variants, ["video", "thumbnail", "spritesheet", "spritesheet_vtt", "preview"]);
    let thumbnail = clipmill_tests::picture::decode(&download(&server, &job, "thumbnail").await);
    assert_eq!(thumbnail.dimensions(), (256, 144));
    let spritesheet = clipmill_tests::picture::decode(&download(&server, &job, "spritesheet").await);
    assert_eq!(u64::from(spritesheet.width()), outputs[2]["width"].as_u64().unwrap());
    let list = String::from_utf8(download(&server, &job, "spritesheet_vtt").await).unwrap();
    assert!(list.starts_with("WEBVTT\n\n00:00:00.000 --> "), "{list}");
    let preview = download(&server, &job, "preview").await;
    assert!(preview.windows(4).any(|window| window == b"ANIM"), "a moving picture");
}

#[tokio::test]
async fn the_same_request_with_the_same_seed_gives_the_same_video() {
    let server = Server::start().await;
    let (one, two) = (server.completed().await, server.completed().await);
    for variant in ["thumbnail", "spritesheet", "preview"] {
        assert!(nameless(&server, &one, variant).await == nameless(&server, &two, variant).await, "{variant}");
    }
    assert_eq!(download(&server, &one, "spritesheet_vtt").await, download(&server, &two, "spritesheet_vtt").await);
    let other = server
        .submit(json!({ "prompt": "a red boat on a calm sea", "size": "256x144", "seconds": 1, "seed": 8 }))
        .await;
    server.render().await;
    let other = server.video(&other["id"]).await;
    let (one, other) = (nameless(&server, &one, "thumbnail").await, nameless(&server, &other, "thumbnail").await);
    assert!(one != other, "another seed");
}

/// A file without the one thing by which those of two equal videos differ: the id in its label.
async fn nameless(server: &Server, job: &serde_json::Value, variant: &str) -> Vec<u8> {
    let (mut bytes, id) = (download(server, job, variant).await, text(&job["id"]).as_bytes());
    let at = bytes.windows(id.len()).position(|window| window == id).expect("a label");
    bytes.drain(at..at + id.len());
    bytes
}

async fn download(server: &Server, job: &serde_json::Value, variant: &str) -> Vec<u8> {
    let path = format!("/v1/videos/{}/content?variant={variant}", text(&job["id"]));
    let response = server.request(Method::GET, &path).send().await.unwrap();
    assert!(response.status().is_success(), "{}", response.status());
    response.bytes().await.unwrap().into()
}
