//! A bucket that is shared: what every key starts with there is seen by nobody else.

use chrono::TimeDelta;
use clipmill_shared::storage::{Disposition, Storage, StorageConfig};
use clipmill_tests::{Recorder, Server, Setup};
use clipmill_worker::reconcile::{self, Wish};
use reqwest::{Client, StatusCode};

use super::at::At;

async fn with_prefix(config: &StorageConfig, prefix: &str) -> Storage {
    Storage::open(&StorageConfig { prefix: prefix.parse().unwrap(), ..config.clone() }).await
}

#[tokio::test]
async fn two_who_share_a_bucket_see_nothing_of_each_other() {
    for at in &At::each().await {
        let (ours, theirs) = (with_prefix(&at.config, "ours").await, with_prefix(&at.config, "theirs/too/").await);
        for storage in [&ours, &theirs] {
            storage.put("acct/a/x", "text/plain", "x".into()).await.unwrap();
            storage.copy("acct/a/x", "acct/a/y").await.unwrap();
        }
        assert_eq!(ours.list("acct/").await.unwrap(), ["acct/a/x", "acct/a/y"], "{}", at.name);
        assert_eq!(ours.list_after("acct/", Some("acct/a/x")).await.unwrap(), ["acct/a/y"], "{}", at.name);
        assert_eq!(ours.survey("", None).await.unwrap().items[0].key, "acct/a/x", "{}", at.name);
        let link = theirs.link("acct/a/x", "text/plain", Disposition::Inline("x.txt")).await.unwrap();
        assert_eq!(Client::new().get(&link).send().await.unwrap().status(), StatusCode::OK, "{}", at.name);
        assert_eq!(ours.remove_prefix("").await.unwrap(), 2, "{}", at.name);
        assert_eq!(
            at.storage.list("").await.unwrap(),
            ["theirs/too/acct/a/x", "theirs/too/acct/a/y"],
            "{}: the whole bucket",
            at.name
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_lives_and_ends_below_the_prefix() {
    let at = At::embedded().await;
    let store = StorageConfig { prefix: "video/staging".parse().unwrap(), ..at.config.clone() };
    let server = Server::with(Setup { store: Some(store), ..Setup::default() }).await;
    server.completed().await;
    let keys = at.storage.list("").await.unwrap();
    assert!(keys.len() == 5 && keys.iter().all(|key| key.starts_with("video/staging/acct_")), "{keys:?}");
    let wish = Wish { grace: TimeDelta::zero(), dry_run: false, account: None };
    let found = reconcile::run(&server.pool, &server.storage, &wish).await.unwrap().unwrap();
    assert_eq!((found.report.objects, found.report.orphans, found.report.unknown), (5, 0, 0), "{:?}", found.report);
    server.age_timers().await;
    server.expire().await;
    assert!(at.storage.list("").await.unwrap().is_empty());
}

#[tokio::test]
async fn the_rules_of_a_bucket_that_is_shared_are_for_our_keys_alone() {
    let theirs = "<LifecycleConfiguration><Rule><ID>clipmill-theirs/abort-uploads</ID><Status>Enabled</Status><Filter>\
        <Prefix>theirs/acct_</Prefix></Filter><AbortIncompleteMultipartUpload><DaysAfterInitiation>1</DaysAfterInitiation>\
        </AbortIncompleteMultipartUpload></Rule></LifecycleConfiguration>";
    let store =
        Recorder::answering(move |asked| (200, if asked.method == "GET" { theirs.to_owned() } else { String::new() }))
            .await;
    assert!(with_prefix(&store.storage().await, "ours").await.give_up_uploads().await.unwrap());
    let put = store.asked().pop().unwrap();
    for part in [
        "<ID>clipmill-theirs/abort-uploads</ID>",
        "<ID>clipmill-ours/abort-uploads</ID>",
        "<Prefix>ours/acct_</Prefix>",
    ] {
        assert!(put.body.contains(part), "{part} in {}", put.body);
    }
    assert!(with_prefix(&store.storage().await, "theirs").await.give_up_uploads().await.unwrap());
    assert_eq!(store.asked().iter().filter(|asked| asked.method == "PUT").count(), 1, "theirs are there already");
}
