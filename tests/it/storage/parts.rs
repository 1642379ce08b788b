//! Uploads in parts: the same at both servers, repeated part by part, and given up without a trace.

use std::io;
use std::sync::Mutex;

use clipmill_shared::storage::{Checksum, PART_BYTES, Storage, StorageConfig, StorageError};
use clipmill_tests::process::until;
use clipmill_tests::proxy::{Proxy, Way};
use clipmill_tests::recorder::Asked;
use clipmill_tests::trap::Trap;
use clipmill_tests::{Recorder, Server};
use reqwest::Method;
use tempfile::NamedTempFile;
use tokio::sync::mpsc;

use super::at::At;

const KEY: &str = "acct/a/video.mp4";

/// A little more than two parts.
fn bytes() -> Vec<u8> {
    (0..2 * PART_BYTES as u32 + 1_000_003).map(|number| (number.wrapping_mul(2_654_435_761) >> 24) as u8).collect()
}

fn file(bytes: &[u8]) -> NamedTempFile {
    let file = NamedTempFile::new().unwrap();
    std::fs::write(file.path(), bytes).unwrap();
    file
}

#[tokio::test]
async fn a_large_file_comes_back_the_same_whatever_checksum_goes_along() {
    let bytes = bytes();
    let file = file(&bytes);
    for at in &At::each().await {
        for checksum in [Checksum::Crc32, Checksum::Crc32c, Checksum::Sha256, Checksum::None] {
            let storage = Storage::open(&StorageConfig { checksum, ..at.config.clone() }).await;
            storage.put_file(KEY, "video/mp4", file.path()).await.unwrap();
            assert!(storage.read(KEY, bytes.len()).await.unwrap() == bytes, "{} {checksum:?}", at.name);
            storage.put("acct/small", "text/plain", "small".into()).await.unwrap();
            assert_eq!(storage.read("acct/small", 5).await.unwrap(), "small", "{} {checksum:?}", at.name);
        }
    }
}

#[tokio::test]
async fn what_comes_in_pieces_is_stored_in_their_order_or_not_at_all() {
    let bytes = bytes();
    for At { name, storage, .. } in &At::each().await {
        for broken in [false, true] {
            let (pieces, source) = mpsc::channel(1);
            let sending = async {
                for piece in bytes.chunks(1_000_000) {
                    pieces.send(Ok(piece.to_vec().into())).await.unwrap();
                }
                if broken {
                    pieces.send(Err(io::Error::other("as the test wants it"))).await.unwrap();
                }
                drop(pieces);
            };
            let key = format!("acct/{broken}");
            let (stored, ()) = tokio::join!(storage.put_stream(&key, "application/zip", source), sending);
            assert_eq!(stored.ok(), (!broken).then_some(bytes.len() as u64), "{name}");
        }
        assert!(storage.read("acct/false", bytes.len()).await.unwrap() == bytes, "{name}");
        assert!(matches!(storage.size_bytes("acct/true").await, Err(StorageError::NotFound)), "{name}");
    }
    let At { storage, .. } = &At::rclone().await;
    let (pieces, source) = mpsc::channel(9);
    for piece in bytes.chunks(PART_BYTES as usize) {
        pieces.send(Ok(piece.to_vec().into())).await.unwrap();
    }
    pieces.send(Err(io::Error::other("as the test wants it"))).await.unwrap();
    storage.put_stream(KEY, "application/zip", source).await.unwrap_err();
    until("an upload that is given up", async || begun(storage).await == 0).await;
}

async fn begun(storage: &Storage) -> usize {
    storage.survey_uploads("acct/", None).await.unwrap().expect("a server that lists them").items.len()
}

#[tokio::test]
async fn a_part_whose_connection_breaks_is_sent_again() {
    let server = Server::start().await;
    let (_, proxy) = server.proxies().await;
    let bytes = bytes();
    let file = file(&bytes);
    let key = format!("{}/large", server.account);
    let storage = behind(&proxy).await;
    proxy.set_trap(Trap::before("partNumber=2", Way::Cut));
    let broken = async {
        proxy.sprung().await;
        proxy.set(Way::Open);
    };
    let (stored, ()) = tokio::join!(storage.put_file(&key, "video/mp4", file.path()), broken);
    stored.unwrap();
    assert!(server.storage.read(&key, bytes.len()).await.unwrap() == bytes);
    server.storage.remove_prefix(&key).await.unwrap();
}

async fn behind(proxy: &Proxy) -> Storage {
    let endpoint = Some(format!("http://{}", proxy.address()));
    Storage::open(&StorageConfig { endpoint, ..clipmill_tests::shared::shared().await.storage() }).await
}

/// A store that says what it has to of an upload in parts, and this of the second part.
async fn answering(second: impl Fn(usize) -> (u16, &'static str) + Send + Sync + 'static) -> Recorder {
    let tries = Mutex::new(0);
    let all = "x".repeat(bytes().len());
    Recorder::answering(move |asked| match asked.method {
        Method::POST if asked.has("uploads") => {
            let begun = "<InitiateMultipartUploadResult><UploadId>upload</UploadId></InitiateMultipartUploadResult>";
            (200, begun.to_owned())
        }
        Method::POST => (200, "<CompleteMultipartUploadResult/>".to_owned()),
        Method::HEAD => (200, all.clone()),
        Method::PUT if part(asked) == Some("2") => {
            let mut tries = tries.lock().unwrap();
            *tries += 1;
            let (status, code) = second(*tries);
            let error = format!("<Error><Code>{code}</Code><Message>as the test wants it</Message></Error>");
            (status, if status == 200 { String::new() } else { error })
        }
        Method::DELETE => (204, String::new()),
        _ => (200, String::new()),
    })
    .await
}

fn part(asked: &Asked) -> Option<&str> {
    asked.uri.query()?.split('&').find_map(|pair| pair.strip_prefix("partNumber="))
}

/// How often each part was sent.
fn sent(store: &Recorder) -> [usize; 3] {
    let asked = store.asked();
    ["1", "2", "3"].map(|number| asked.iter().filter(|asked| part(asked) == Some(number)).count())
}

#[tokio::test]
async fn a_part_that_was_spoilt_on_its_way_is_sent_again_and_no_other() {
    let store = answering(|tries| if tries < 3 { (400, "BadDigest") } else { (200, "") }).await;
    let storage = Storage::open(&store.storage().await).await;
    storage.put_file(KEY, "video/mp4", file(&bytes()).path()).await.unwrap();
    assert_eq!(sent(&store), [1, 3, 1]);
    for asked in store.asked().iter().filter(|asked| part(asked).is_some()) {
        assert!(!asked.header("x-amz-checksum-crc32").is_empty(), "{:?}", asked.headers);
    }
}

#[tokio::test]
async fn an_upload_whose_part_fails_again_and_again_is_given_up() {
    let store = answering(|_| (500, "InternalError")).await;
    let storage = Storage::open(&store.storage().await).await;
    storage.put_file(KEY, "video/mp4", file(&bytes()).path()).await.unwrap_err();
    assert_eq!(sent(&store)[1], 5);
    let given_up = |asked: &Asked| asked.method == Method::DELETE && asked.has("uploadId");
    until("the end of the upload", async || store.asked().iter().any(given_up)).await;
    assert!(
        !store.asked().iter().any(|asked| asked.method == Method::POST && !asked.has("uploads")),
        "nothing is joined"
    );
}

#[tokio::test]
async fn an_object_that_has_not_all_of_its_parts_is_not_taken_for_stored() {
    let store = Recorder::answering(|asked| match asked.method {
        Method::POST if asked.has("uploads") => {
            let begun = "<InitiateMultipartUploadResult><UploadId>upload</UploadId></InitiateMultipartUploadResult>";
            (200, begun.to_owned())
        }
        Method::POST => (200, "<CompleteMultipartUploadResult/>".to_owned()),
        _ => (200, "short".to_owned()),
    })
    .await;
    let storage = Storage::open(&store.storage().await).await;
    let stored = storage.put_file(KEY, "video/mp4", file(&bytes()).path()).await;
    assert!(matches!(stored, Err(StorageError::Unavailable { .. })), "{stored:?}");
}
