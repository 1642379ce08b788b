//! The bucket in the host's name in place of the path.

use std::net::SocketAddr;

use clipmill_shared::storage::{Disposition, Storage, StorageConfig};
use reqwest::{Client, StatusCode};
use url::Url;

use super::at::At;

const HOST: &str = "clipmill.localhost";

#[tokio::test]
async fn links_name_the_bucket_in_the_host_and_the_store_takes_them() {
    let at = At::embedded().await;
    let endpoint = at.config.endpoint.clone().unwrap().replace("127.0.0.1", "localhost");
    let storage =
        Storage::open(&StorageConfig { path_style: false, endpoint: Some(endpoint), ..at.config.clone() }).await;
    let link = storage.upload_link("acct/a/image.png", "image/png", 4, 60).await.unwrap();
    let url: Url = link.url.parse().unwrap();
    assert_eq!((url.host_str(), url.path()), (Some(HOST), "/acct/a/image.png"));
    let address = SocketAddr::from(([127, 0, 0, 1], url.port().unwrap()));
    // Not every system knows that all names below `localhost` are this machine.
    let client = Client::builder().resolve(HOST, address).build().unwrap();
    let put = client.put(url).header("content-type", "image/png").body("abcd");
    assert_eq!(put.send().await.unwrap().status(), StatusCode::OK);
    assert_eq!(at.storage.read("acct/a/image.png", 4).await.unwrap(), "abcd", "the same object in path style");
    let link = storage.link("acct/a/image.png", "image/png", Disposition::Inline("image.png")).await.unwrap();
    let answer = client.get(link.replace("/acct/", "/acct2/")).send().await.unwrap();
    assert_eq!(answer.status(), StatusCode::FORBIDDEN);
    let answer = client.get(&link).send().await.unwrap();
    assert_eq!((answer.status(), answer.bytes().await.unwrap().as_ref()), (StatusCode::OK, b"abcd".as_slice()));
}
