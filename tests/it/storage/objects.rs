//! Objects, listings and links, on two servers.

use clipmill_shared::storage::{Disposition, PAGE, StorageError};
use reqwest::{Client, StatusCode};

use super::at::At;

const BYTES: &[u8] = b"0123456789";

#[tokio::test]
async fn what_is_stored_comes_back_whole_and_in_part() {
    for At { name, storage, .. } in &At::each().await {
        storage.check().await.unwrap();
        storage.put("acct/a/video.mp4", "video/mp4", BYTES.into()).await.unwrap();
        assert_eq!(storage.read("acct/a/video.mp4", BYTES.len()).await.unwrap(), BYTES, "{name}");
        assert_eq!(storage.size_bytes("acct/a/video.mp4").await.unwrap(), BYTES.len() as u64, "{name}");
        let part = storage.get("acct/a/video.mp4", Some("bytes=2-4")).await.unwrap();
        assert_eq!(part.content_range.as_deref(), Some("bytes 2-4/10"), "{name}");
        assert_eq!(part.body.collect().await.unwrap().into_bytes(), "234", "{name}");
        assert!(matches!(storage.get("acct/a/video.mp4", Some("bytes=10-")).await, Err(StorageError::Range)), "{name}");
        for missing in [storage.get("acct/none", None).await.map(drop), storage.size_bytes("acct/none").await.map(drop)]
        {
            assert!(matches!(missing, Err(StorageError::NotFound)), "{name}: {missing:?}");
        }
    }
}

#[tokio::test]
async fn a_copy_is_an_object_of_its_own() {
    for At { name, storage, .. } in &At::each().await {
        storage.put("acct/a/image.png", "image/png", BYTES.into()).await.unwrap();
        storage.copy("acct/a/image.png", "acct/b/image.png").await.unwrap();
        assert_eq!(storage.remove(&["acct/a/image.png".to_owned()]).await.unwrap(), [], "{name}");
        assert_eq!(storage.read("acct/b/image.png", BYTES.len()).await.unwrap(), BYTES, "{name}");
        let copied = storage.copy("acct/a/image.png", "acct/c/image.png").await;
        assert!(matches!(copied, Err(StorageError::NotFound)), "{name}: {copied:?}");
    }
}

#[tokio::test]
async fn more_than_a_page_is_listed_page_by_page_and_removed_by_the_page() {
    let key = |number| format!("acct/many/{number:04}");
    for at in &At::each().await {
        let (name, storage) = (at.name, &at.storage);
        at.write((0..PAGE + 2).map(key));
        at.write(["acct/other/0".to_owned()].into_iter());
        let page = storage.survey("acct/many/", None).await.unwrap();
        assert_eq!((page.items.len(), page.has_more), (PAGE, true), "{name}");
        assert!(page.items.is_sorted_by_key(|object| object.key.clone()), "{name}");
        let rest = storage.survey("acct/many/", Some(&page.items[PAGE - 1].key)).await.unwrap();
        let rest: Vec<&str> = rest.items.iter().map(|object| object.key.as_str()).collect();
        assert_eq!(rest, [key(PAGE), key(PAGE + 1)], "{name}");
        assert_eq!(storage.remove_prefix("acct/many/").await.unwrap(), PAGE + 2, "{name}");
        assert_eq!(storage.list("acct/").await.unwrap(), ["acct/other/0"], "{name}");
    }
}

#[tokio::test]
async fn a_link_gives_the_object_under_a_name_to_whoever_has_it() {
    for At { name, storage, .. } in &At::each().await {
        storage.put("acct/a/video.mp4", "video/mp4", BYTES.into()).await.unwrap();
        let link = storage.link("acct/a/video.mp4", "video/mp4", Disposition::Inline("boat.mp4")).await.unwrap();
        let answer = Client::new().get(&link).header("range", "bytes=8-").send().await.unwrap();
        assert!(answer.status().is_success(), "{name}");
        assert_eq!(answer.headers()["content-range"], "bytes 8-9/10", "{name}");
        assert!(answer.headers()["content-disposition"].to_str().unwrap().contains("boat.mp4"), "{name}");
        assert_eq!(answer.bytes().await.unwrap(), "89", "{name}");
        let forged = Client::new().get(link.replace("video.mp4?", "other.mp4?")).send().await.unwrap();
        assert_eq!(forged.status(), StatusCode::FORBIDDEN, "{name}");
    }
}

#[tokio::test]
async fn by_an_upload_link_whoever_has_it_can_store_that_object() {
    for At { name, storage, .. } in &At::each().await {
        let link = storage.upload_link("acct/a/image.png", "image/png", BYTES.len() as u32, 60).await.unwrap();
        let put = |key: &str| Client::new().put(link.url.replace("image.png", key)).header("content-type", "image/png");
        let forged = put("other.png").body(BYTES).send().await.unwrap();
        assert_eq!(forged.status(), StatusCode::FORBIDDEN, "{name}");
        assert_eq!(put("image.png").body(BYTES).send().await.unwrap().status(), StatusCode::OK, "{name}");
        assert_eq!(storage.read("acct/a/image.png", BYTES.len()).await.unwrap(), BYTES, "{name}");
    }
}
