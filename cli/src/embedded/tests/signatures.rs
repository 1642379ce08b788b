//! Who may read: presigned URLs in the hands of a plain HTTP client, and requests that are not signed as they should.

use std::time::{Duration, SystemTime};

use aws_sdk_s3::Client;
use aws_sdk_s3::presigning::PresigningConfig;
use clipmill_shared::outbound::{Outbound, OutboundConfig, PutError};
use reqwest::StatusCode;
use reqwest::header::{CONTENT_DISPOSITION, CONTENT_RANGE, CONTENT_TYPE, RANGE};

use super::objects::{BUCKET, client, client_with, put, start};

const HOUR: Duration = Duration::from_secs(60 * 60);

#[tokio::test]
async fn a_presigned_url_is_enough_to_download() {
    let (_folder, store) = start().await;
    let client = client(&store);
    put(&client, "a", b"0123456789".to_vec()).await;
    let url = presign(&client, SystemTime::now()).await;

    let whole = reqwest::get(&url).await.unwrap();
    assert_eq!((whole.status(), &whole.headers()[CONTENT_TYPE]), (StatusCode::OK, &"video/mp4".parse().unwrap()));
    assert_eq!(whole.bytes().await.unwrap(), "0123456789");
}

#[tokio::test]
async fn a_file_can_be_put_to_a_presigned_url_and_to_no_other() {
    let (folder, store) = start().await;
    let client = client(&store);
    let request = client.put_object().bucket(BUCKET).key("clip").content_type("video/mp4");
    let url = request.presigned(PresigningConfig::expires_in(HOUR).unwrap()).await.unwrap().uri().to_owned();
    let file = folder.path().join("clip.mp4");
    std::fs::write(&file, "0123456789").unwrap();
    let outbound = Outbound::new(&OutboundConfig::unguarded(), Duration::from_secs(5)).unwrap();
    outbound.put_file(&url, "video/mp4", &file).await.unwrap();
    let got = client.get_object().bucket(BUCKET).key("clip").send().await.unwrap();
    assert_eq!(got.content_type(), Some("video/mp4"));
    assert_eq!(got.body.collect().await.unwrap().into_bytes(), "0123456789");

    let other = url.replace("/clip?", "/other?");
    assert!(matches!(outbound.put_file(&other, "video/mp4", &file).await, Err(PutError::Status(403))));
    let guarded = Outbound::new(&OutboundConfig::default(), Duration::from_secs(5)).unwrap();
    assert!(matches!(guarded.put_file(&url, "video/mp4", &file).await, Err(PutError::Refused(_))));
}

#[tokio::test]
async fn a_presigned_url_serves_parts_to_a_player() {
    let (_folder, store) = start().await;
    let client = client(&store);
    put(&client, "a", b"0123456789".to_vec()).await;
    let url = presign(&client, SystemTime::now()).await;
    for (asked, range, bytes) in [
        ("bytes=0-", "bytes 0-9/10", "0123456789"),
        ("bytes=3-5", "bytes 3-5/10", "345"),
        ("bytes=-2", "bytes 8-9/10", "89"),
    ] {
        let part = reqwest::Client::new().get(&url).header(RANGE, asked).send().await.unwrap();
        assert_eq!(part.status(), StatusCode::PARTIAL_CONTENT, "{asked}");
        assert_eq!(part.headers()[CONTENT_RANGE], range);
        assert_eq!(part.bytes().await.unwrap(), bytes);
    }
    let beyond = reqwest::Client::new().get(&url).header(RANGE, "bytes=10-").send().await.unwrap();
    assert_eq!(beyond.status(), StatusCode::RANGE_NOT_SATISFIABLE);
}

#[tokio::test]
async fn a_presigned_url_can_name_the_download() {
    let (_folder, store) = start().await;
    let client = client(&store);
    put(&client, "a", b"0123456789".to_vec()).await;
    let request = client.get_object().bucket(BUCKET).key("a").response_content_type("video/x-other");
    let request = request.response_content_disposition("attachment; filename=\"clip.mp4\"");
    let url = request.presigned(PresigningConfig::expires_in(HOUR).unwrap()).await.unwrap();
    let got = reqwest::get(url.uri()).await.unwrap();
    assert_eq!(got.headers()[CONTENT_TYPE], "video/x-other");
    assert_eq!(got.headers()[CONTENT_DISPOSITION], "attachment; filename=\"clip.mp4\"");
}

#[tokio::test]
async fn an_expired_url_is_forbidden() {
    let (_folder, store) = start().await;
    let client = client(&store);
    put(&client, "a", vec![1]).await;
    let url = presign(&client, SystemTime::now() - 2 * HOUR).await;
    assert_eq!(reqwest::get(url).await.unwrap().status(), StatusCode::FORBIDDEN);
}

#[tokio::test]
async fn a_url_changed_after_signing_is_forbidden() {
    let (_folder, store) = start().await;
    let client = client(&store);
    put(&client, "a", vec![1]).await;
    put(&client, "b", vec![2]).await;
    let url = presign(&client, SystemTime::now()).await;
    assert_eq!(reqwest::get(&url).await.unwrap().status(), StatusCode::OK);
    let other = url.replace("/clipmill/a?", "/clipmill/b?");
    assert_ne!(other, url);
    assert_eq!(reqwest::get(other).await.unwrap().status(), StatusCode::FORBIDDEN);
}

#[tokio::test]
async fn a_request_signed_with_another_key_is_forbidden() {
    let (_folder, store) = start().await;
    let stranger = client_with(&store, "another key");
    let error = stranger.get_object().bucket(BUCKET).key("a").send().await.expect_err("any key opens the store");
    assert_eq!(error.raw_response().unwrap().status().as_u16(), 403);
}

#[tokio::test]
async fn a_request_without_a_signature_is_forbidden() {
    let (_folder, store) = start().await;
    put(&client(&store), "a", vec![1]).await;
    for path in ["", "/clipmill", "/clipmill/a", "/clipmill/none"] {
        let got = reqwest::get(format!("{}{path}", store.endpoint())).await.unwrap();
        assert_eq!(got.status(), StatusCode::FORBIDDEN, "{path}");
    }
}

async fn presign(client: &Client, from: SystemTime) -> String {
    let valid = PresigningConfig::builder().start_time(from).expires_in(HOUR).build().unwrap();
    client.get_object().bucket(BUCKET).key("a").presigned(valid).await.unwrap().uri().to_owned()
}
