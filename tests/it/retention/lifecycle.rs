//! Rules of the bucket: what is sent to a store that knows them, and what is said of one that does not.

use clipmill_shared::storage::{Storage, StorageError};
use clipmill_tests::process::{binary, until, worker};
use clipmill_tests::{Recorder, Server};
use tokio::process::Command;

const THEIRS: &str = "<LifecycleConfiguration><Rule><ID>theirs</ID><Status>Enabled</Status><Filter><Prefix>logs/</Prefix></Filter>\
    <Expiration><Days>7</Days></Expiration></Rule><Rule><ID>clipmill-expire-objects</ID><Status>Enabled</Status>\
    <Filter><Prefix>acct_</Prefix></Filter><Expiration><Days>5</Days></Expiration></Rule></LifecycleConfiguration>";
const NONE: &str = "<Error><Code>NoSuchLifecycleConfiguration</Code><Message>none</Message></Error>";

async fn run(server: &Server, endpoint: Option<String>, arguments: &[&str]) -> (bool, String) {
    let mut command = Command::new(binary("clipmill-worker"));
    command.arg("lifecycle").args(arguments).envs(server.environment().await);
    command.envs(endpoint.map(|endpoint| ("AWS_ENDPOINT_URL_S3", endpoint)));
    let output = command.output().await.unwrap();
    let said = [output.stdout, output.stderr].map(|text| String::from_utf8_lossy(&text).into_owned()).concat();
    (output.status.success(), said)
}

#[tokio::test]
async fn rules_of_others_stay_and_none_lets_go_what_an_account_may_keep() {
    let server = Server::start().await;
    let store =
        Recorder::answering(|asked| (200, if asked.method == "GET" { THEIRS.to_owned() } else { String::new() })).await;
    let endpoint = store.storage().await.endpoint;
    let (ended_well, said) = run(&server, endpoint.clone(), &["apply"]).await;
    assert!(ended_well && said.contains("no rule for objects: 1 accounts may pin videos"), "{said}");
    let put = store.asked().into_iter().find(|asked| asked.method == "PUT").unwrap();
    assert!(put.has("lifecycle"), "{put:?}");
    for part in [
        "<ID>theirs</ID>",
        "<ID>clipmill-abort-uploads</ID>",
        "<DaysAfterInitiation>1</DaysAfterInitiation>",
        "<Prefix>acct_</Prefix>",
    ] {
        assert!(put.body.contains(part), "{part} in {}", put.body);
    }
    assert!(!put.body.contains("clipmill-expire-objects"), "what is not safe any more goes: {}", put.body);

    sqlx::query("update accounts set max_pinned = 0").execute(&server.pool).await.unwrap();
    let (ended_well, said) = run(&server, endpoint, &["apply"]).await;
    assert!(ended_well && said.contains("objects go after 121 days"), "{said}");
    let put = store.asked().pop().unwrap();
    assert!(
        put.body.contains("<ID>clipmill-expire-objects</ID>") && put.body.contains("<Days>121</Days>"),
        "{}",
        put.body
    );
    assert!(!put.body.contains("<Days>5</Days>"), "in place of the one before: {}", put.body);
}

#[tokio::test]
async fn a_bucket_without_rules_has_none() {
    let store = Recorder::answering(|_| (404, NONE.to_owned())).await;
    let storage = Storage::open(&store.storage().await).await;
    assert_eq!(storage.lifecycle().await.unwrap(), Some(Vec::new()));
}

#[tokio::test]
async fn a_server_that_knows_no_rules_is_said_to_be_one() {
    let server = Server::start().await;
    for command in ["show", "apply"] {
        let (ended_well, said) = run(&server, None, &[command]).await;
        assert!(!ended_well && said.contains("knows no rules"), "{command}: {said}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_has_the_bucket_give_up_uploads_from_its_start() {
    let server = Server::start().await;
    let store = Recorder::answering(|asked| match asked.method.as_str() {
        "GET" => (404, NONE.to_owned()),
        _ => (200, String::new()),
    })
    .await;
    let endpoint = store.storage().await.endpoint.unwrap();
    let _worker = worker(&server, &["--s3-endpoint", &endpoint]).await;
    until("the rule", async || store.asked().iter().any(|asked| asked.method == "PUT")).await;
    let put = store.asked().into_iter().find(|asked| asked.method == "PUT").unwrap();
    assert!(put.has("lifecycle") && put.body.contains("<ID>clipmill-abort-uploads</ID>"), "{}", put.body);
    assert!(!put.body.contains("expire"), "objects are let go only when that is asked for: {}", put.body);
}

#[tokio::test]
async fn a_key_that_may_not_touch_the_rules_is_said_to_be_one() {
    let server = Server::start().await;
    let store = Recorder::answering(|_| (403, "<Error><Code>AccessDenied</Code></Error>".to_owned())).await;
    let given = Storage::open(&store.storage().await).await.give_up_uploads().await;
    assert!(matches!(given, Err(StorageError::Refused { status: 403, .. })), "{given:?}");
    let (ended_well, said) = run(&server, store.storage().await.endpoint, &["apply"]).await;
    assert!(
        !ended_well && said.contains("refused to read the rules of the bucket") && said.contains("AccessDenied"),
        "{said}"
    );
}
