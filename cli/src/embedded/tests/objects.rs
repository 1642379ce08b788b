//! The object store as the official S3 client sees it.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;

use aws_sdk_s3::Client;
use aws_sdk_s3::config::{BehaviorVersion, Credentials, Region};
use aws_sdk_s3::primitives::ByteStream;
use aws_sdk_s3::types::{
    ChecksumAlgorithm, ChecksumMode, CompletedMultipartUpload, CompletedPart, Delete, ObjectIdentifier,
};
use tempfile::TempDir;

use crate::embedded::Store;

pub(super) const BUCKET: &str = "clipmill";

const ANY_PORT: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), 0);

/// Large enough that no socket buffer holds it.
const LARGE_BYTES: usize = 32 << 20;

#[tokio::test]
async fn an_object_comes_back_with_its_content_type() {
    let (_folder, store) = start().await;
    let client = client(&store);
    put(&client, "videos/a/video.mp4", b"0123456789".to_vec()).await;

    let got = get(&client, "videos/a/video.mp4").await;
    assert_eq!(got, (b"0123456789".to_vec(), Some("video/mp4".to_owned())));
    let head = client.head_object().bucket(BUCKET).key("videos/a/video.mp4").send().await.unwrap();
    assert_eq!((head.content_length(), head.content_type()), (Some(10), Some("video/mp4")));
    store.stop().await;
}

#[tokio::test]
async fn a_part_of_an_object_can_be_read() {
    let (_folder, store) = start().await;
    let client = client(&store);
    put(&client, "a", b"0123456789".to_vec()).await;
    let part = client.get_object().bucket(BUCKET).key("a").range("bytes=2-4").send().await.unwrap();
    assert_eq!(part.content_range(), Some("bytes 2-4/10"));
    assert_eq!(part.body.collect().await.unwrap().to_vec(), b"234");
}

#[tokio::test]
async fn a_listing_has_the_keys_below_the_prefix_and_nothing_else() {
    let (_folder, store) = start().await;
    let client = client(&store);
    for key in ["videos/b/2", "videos/a/1", "videos/b/1", "inputs/b/1"] {
        put(&client, key, key.into()).await;
    }
    assert_eq!(list(&client, "videos/b/").await, ["videos/b/1", "videos/b/2"]);
    assert_eq!(list(&client, "").await.len(), 4);
}

#[tokio::test]
async fn a_batch_of_keys_is_deleted_with_every_trace() {
    let (folder, store) = start().await;
    let client = client(&store);
    put(&client, "videos/a/1", vec![1]).await;
    put(&client, "videos/a/2", vec![2]).await;
    let objects =
        ["videos/a/1", "videos/a/2", "videos/a/never"].map(|key| ObjectIdentifier::builder().key(key).build());
    let delete = Delete::builder().set_objects(objects.into_iter().collect::<Result<_, _>>().ok()).build().unwrap();
    let deleted = client.delete_objects().bucket(BUCKET).delete(delete).send().await.unwrap();
    assert_eq!((deleted.deleted().len(), deleted.errors().len()), (3, 0));
    assert_eq!(list(&client, "").await.len(), 0);

    store.stop().await;
    let (store, _) = restart(&folder).await;
    assert_eq!(files_below(&folder.path().join("store")), ["clipmill"]);
    store.stop().await;
}

#[tokio::test]
async fn a_folder_of_objects_is_not_an_object() {
    let (_folder, store) = start().await;
    let client = client(&store);
    put(&client, "videos/a/1", vec![1]).await;
    let head = client.head_object().bucket(BUCKET).key("videos/a").send().await.expect_err("a folder has a head");
    assert!(head.as_service_error().unwrap().is_not_found());
    let got = client.get_object().bucket(BUCKET).key("videos/a").send().await.expect_err("a folder was read");
    assert!(got.as_service_error().unwrap().is_no_such_key());
}

#[tokio::test]
async fn a_key_that_is_no_plain_path_is_refused() {
    let (folder, store) = start().await;
    let client = client(&store);
    for key in ["../escape", "a//b", "a/", "./a", &"k".repeat(200)] {
        let put = client.put_object().bucket(BUCKET).key(key).body(ByteStream::from_static(b"x")).send().await;
        let status = put.expect_err(key).raw_response().unwrap().status().as_u16();
        assert_eq!(status, 400, "{key}");
    }
    assert_eq!(files_below(&folder.path().join("store")), ["clipmill"]);
}

#[tokio::test]
async fn an_upload_in_parts_is_checked_and_joined() {
    for algorithm in [ChecksumAlgorithm::Crc32, ChecksumAlgorithm::Sha256] {
        let (_folder, store) = start().await;
        let client = client(&store);
        put(&client, "a", b"what was there before".to_vec()).await;
        let parts = [vec![1; 5 << 20], vec![2; 100]];
        upload_in_parts(&client, "a", algorithm, &parts).await;

        // The client verifies the checksum that the store tells, so a stale one would fail here.
        let request = client.get_object().bucket(BUCKET).key("a").checksum_mode(ChecksumMode::Enabled);
        let got = request.send().await.unwrap();
        assert_eq!(got.content_type(), Some("video/mp4"));
        assert!(got.body.collect().await.unwrap().to_vec() == parts.concat());
    }
}

#[tokio::test]
async fn a_body_that_differs_from_its_checksum_is_refused() {
    let (_folder, store) = start().await;
    let request = client(&store).put_object().bucket(BUCKET).key("a").body(ByteStream::from_static(b"damaged"));
    let error = request.checksum_sha256("u".repeat(43) + "=").send().await.expect_err("a wrong checksum was accepted");
    assert_eq!(error.raw_response().unwrap().status().as_u16(), 400);
}

#[tokio::test]
async fn objects_and_keys_survive_a_restart() {
    let (folder, store) = start().await;
    put(&client(&store), "a", b"kept".to_vec()).await;
    let secret_key = store.secret_key().to_owned();
    store.stop().await;

    let (store, client) = restart(&folder).await;
    assert_eq!(store.secret_key(), secret_key);
    assert_eq!(get(&client, "a").await, (b"kept".to_vec(), Some("video/mp4".to_owned())));
}

#[tokio::test]
async fn a_second_live_user_of_the_folder_gets_a_clear_error() {
    let (folder, _store) = start().await;
    let error = Store::start(folder.path(), ANY_PORT, &[BUCKET]).await.expect_err("two stores on one folder");
    assert!(error.to_string().contains("is in use by another clipmill"), "{error}");
}

#[tokio::test]
async fn a_download_in_flight_survives_the_stop() {
    let (_folder, store) = start().await;
    let client = client(&store);
    put(&client, "a", vec![7; LARGE_BYTES]).await;
    let endpoint = store.endpoint().trim_start_matches("http://").to_owned();
    let got = client.get_object().bucket(BUCKET).key("a").send().await.unwrap();
    let (bytes, ()) = tokio::join!(got.body.collect(), store.stop());
    assert_eq!(bytes.unwrap().to_vec().len(), LARGE_BYTES);
    tokio::net::TcpStream::connect(endpoint).await.expect_err("a stopped store accepts connections");
}

pub(super) async fn start() -> (TempDir, Store) {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::start(folder.path(), ANY_PORT, &[BUCKET]).await.unwrap();
    (folder, store)
}

async fn restart(folder: &TempDir) -> (Store, Client) {
    let store = Store::start(folder.path(), ANY_PORT, &[BUCKET]).await.unwrap();
    let client = client(&store);
    (store, client)
}

pub(super) fn client(store: &Store) -> Client {
    client_with(store, store.secret_key())
}

pub(super) fn client_with(store: &Store, secret_key: &str) -> Client {
    let config = aws_sdk_s3::Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new(store.region().to_owned()))
        .endpoint_url(store.endpoint())
        .force_path_style(true)
        .credentials_provider(Credentials::new(store.access_key(), secret_key, None, None, "test"))
        .build();
    Client::from_conf(config)
}

pub(super) async fn put(client: &Client, key: &str, bytes: Vec<u8>) {
    let request = client.put_object().bucket(BUCKET).key(key).content_type("video/mp4");
    request.body(ByteStream::from(bytes)).send().await.unwrap();
}

async fn get(client: &Client, key: &str) -> (Vec<u8>, Option<String>) {
    let got = client.get_object().bucket(BUCKET).key(key).send().await.unwrap();
    let content_type = got.content_type().map(str::to_owned);
    (got.body.collect().await.unwrap().to_vec(), content_type)
}

async fn list(client: &Client, prefix: &str) -> Vec<String> {
    let listing = client.list_objects_v2().bucket(BUCKET).prefix(prefix).send().await.unwrap();
    listing.contents().iter().map(|object| object.key().unwrap().to_owned()).collect()
}

async fn upload_in_parts(client: &Client, key: &str, algorithm: ChecksumAlgorithm, parts: &[Vec<u8>]) {
    let create = client.create_multipart_upload().bucket(BUCKET).key(key).content_type("video/mp4");
    let created = create.checksum_algorithm(algorithm.clone()).send().await.unwrap();
    let upload_id = created.upload_id().unwrap();
    let mut completed = CompletedMultipartUpload::builder();
    for (number, part) in (1..).zip(parts) {
        let request = client.upload_part().bucket(BUCKET).key(key).upload_id(upload_id).part_number(number);
        let request = request.checksum_algorithm(algorithm.clone()).body(ByteStream::from(part.clone()));
        let e_tag = request.send().await.unwrap().e_tag().unwrap().to_owned();
        completed = completed.parts(CompletedPart::builder().part_number(number).e_tag(e_tag).build());
    }
    let request = client.complete_multipart_upload().bucket(BUCKET).key(key).upload_id(upload_id);
    request.multipart_upload(completed.build()).send().await.unwrap();
}

fn files_below(folder: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(folder).unwrap();
    let below = entries.flat_map(|entry| {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap().to_owned();
        let inside = if path.is_dir() { files_below(&path) } else { Vec::new() };
        std::iter::once(name).chain(inside)
    });
    below.collect()
}
