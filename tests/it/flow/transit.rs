//! What crosses a network in the clear: the binaries themselves refuse it or warn of it.

use clipmill_shared::vault::MasterKey;
use clipmill_tests::Server;
use clipmill_tests::cluster::with_database;
use clipmill_tests::process::binary;
use clipmill_tests::setup::sealed_with;
use tokio::process::Command;
use url::Url;

const ELSEWHERE: [(&str, &str); 2] =
    [("AWS_ENDPOINT_URL_S3", "http://store.invalid"), ("CLIPMILL_S3_PUBLIC_ENDPOINT", "http://videos.invalid:9000")];
const HERE: [(&str, &str); 2] =
    [("AWS_ENDPOINT_URL_S3", "http://127.0.0.1:9"), ("CLIPMILL_S3_PUBLIC_ENDPOINT", "https://videos.invalid")];

/// What a binary says until it ends by itself, because of its address or because there is no such database.
async fn said(name: &str, arguments: &[&str], database_url: &str, environment: [(&str, &str); 2]) -> String {
    let mut command = Command::new(binary(name));
    command.args(arguments).envs(environment).env("DATABASE_URL", database_url).kill_on_drop(true);
    let sealed = sealed_with([MasterKey::generate()]).master_keys.expect("keys");
    command.env("CLIPMILL_MASTER_KEYS", sealed.reveal());
    let output = command.output().await.expect("the binary runs");
    let said = String::from_utf8([output.stdout, output.stderr].concat()).expect("text");
    assert!(!output.status.success(), "{said}");
    said
}

/// A URL of the test's own Postgres that does not look like this machine's, and one that does; no such database is there.
async fn nowhere() -> (Server, String, String) {
    let server = Server::start().await;
    let here = with_database(&server.database_url, "nowhere");
    let elsewhere = here.replace("127.0.0.1", "0.0.0.0");
    (server, elsewhere, here)
}

#[tokio::test]
async fn a_public_address_without_tls_is_refused_with_the_three_ways_out() {
    for address in ["0.0.0.0:0", "[::]:0"] {
        let said = said("clipmill-api", &["serve", "--listen", address], "postgres://127.0.0.1:9/none", HERE).await;
        for way in ["--tls-certificate", "--trusted-proxies", "--plain-http", "CLIPMILL_PLAIN_HTTP"] {
            assert!(said.contains(way), "{way}: {said}");
        }
    }
}

#[tokio::test]
async fn what_is_in_the_clear_is_told_at_the_start_and_what_to_do_about_it() {
    let (_server, elsewhere, _) = nowhere().await;
    let password = Url::parse(&elsewhere).unwrap().password().expect("a password").to_owned();
    let arguments = ["serve", "--listen", "0.0.0.0:0", "--plain-http"];
    let api = said("clipmill-api", &arguments, &elsewhere, ELSEWHERE).await;
    let worker = said("clipmill-worker", &[], &elsewhere, ELSEWHERE).await;
    for said in [&api, &worker] {
        assert!(said.contains("Postgres may be in the clear") && said.contains("sslmode=verify-full"), "{said}");
        for (setting, address) in ELSEWHERE {
            assert!(said.contains(setting) && !said.contains(address), "{said}");
        }
        assert!(!said.contains(&password), "{said}");
    }
    assert!(api.contains("plain HTTP beyond this machine"), "{api}");
    assert_eq!((api.matches(" WARN ").count(), worker.matches(" WARN ").count()), (4, 3), "{api}{worker}");
}

#[tokio::test]
async fn nothing_is_told_of_what_stays_here_or_is_encrypted() {
    let (_server, elsewhere, here) = nowhere().await;
    let api = said("clipmill-api", &["serve"], &here, HERE).await;
    let worker = said("clipmill-worker", &[], &format!("{elsewhere}?sslmode=require"), HERE).await;
    for said in [api, worker] {
        assert!(!said.contains(" WARN "), "{said}");
    }
}
