//! How the store shall encrypt is said of everything that is stored, by us and by customers.

use clipmill_shared::storage::{PART_BYTES, Sse, Storage, StorageConfig};
use clipmill_tests::Recorder;
use clipmill_tests::recorder::Asked;
use reqwest::Method;

use super::at::At;

const METHOD: &str = "x-amz-server-side-encryption";
const KEY: &str = "x-amz-server-side-encryption-aws-kms-key-id";

/// Stores an object in each way there is, at a store that lets uploads in parts fail at once; gives the requests.
async fn stored(sse: Sse) -> Vec<Asked> {
    let store = Recorder::answering(|asked| match asked.method {
        Method::POST => (403, "<Error><Code>AccessDenied</Code></Error>".to_owned()),
        _ => (200, "<CopyObjectResult/>".to_owned()),
    })
    .await;
    let storage = Storage::open(&StorageConfig { sse, ..store.storage().await }).await;
    let file = tempfile::NamedTempFile::new().unwrap();
    file.as_file().set_len(PART_BYTES + 1).unwrap();
    storage.put("acct/a", "text/plain", "a".into()).await.unwrap();
    storage.copy("acct/a", "acct/b").await.unwrap();
    storage.put_file("acct/c", "video/mp4", file.path()).await.unwrap_err();
    let link = storage.upload_link("acct/d", "image/png", 1, 60).await.unwrap();
    let mut put = reqwest::Client::new().put(&link.url).body("d");
    for (name, value) in &link.headers {
        put = put.header(name, value);
    }
    put.send().await.unwrap();
    let asked: Vec<Asked> =
        store.asked().into_iter().filter(|asked| [Method::PUT, Method::POST].contains(&asked.method)).collect();
    assert_eq!(asked.len(), 4, "{asked:?}");
    asked
}

#[tokio::test]
async fn everything_that_is_stored_names_the_method_and_its_key() {
    for asked in stored(Sse::Aes256).await {
        assert_eq!((asked.header(METHOD), asked.header(KEY)), ("AES256", ""), "{asked:?}");
    }
    for asked in stored("kms:alias/clipmill".parse().unwrap()).await {
        assert_eq!((asked.header(METHOD), asked.header(KEY)), ("aws:kms", "alias/clipmill"), "{asked:?}");
    }
    for asked in stored(Sse::None).await {
        assert_eq!((asked.header(METHOD), asked.header(KEY)), ("", ""), "{asked:?}");
    }
}

#[tokio::test]
async fn the_method_is_signed_into_the_link_of_a_customer() {
    let at = At::embedded().await;
    let storage = Storage::open(&StorageConfig { sse: Sse::Aes256, ..at.config.clone() }).await;
    let link = storage.upload_link("acct/a", "image/png", 1, 60).await.unwrap();
    assert_eq!(link.headers.get(METHOD).map(String::as_str), Some("AES256"), "{:?}", link.headers);
    let put = || reqwest::Client::new().put(&link.url).header("content-type", "image/png").body("a");
    let without = put().send().await.unwrap().status();
    assert!(without.is_client_error(), "it is signed: {without}");
    assert_eq!(put().header(METHOD, "AES256").send().await.unwrap().status(), 200);
}
