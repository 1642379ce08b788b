//! What an operator does with the binaries themselves.

use clipmill_tests::Server;
use clipmill_tests::process::binary;
use clipmill_tests::server::answer;
use reqwest::{Method, StatusCode};
use tokio::process::Command;

async fn api(server: &Server, arguments: &[&str]) -> (bool, String) {
    let output = Command::new(binary("clipmill-api"))
        .args(arguments)
        .envs(server.environment().await)
        .output()
        .await
        .expect("the binary runs");
    let text = [output.stdout, output.stderr].concat();
    (output.status.success(), String::from_utf8(text).expect("text"))
}

/// The word after a label in what was printed.
fn value<'a>(printed: &'a str, label: &str) -> &'a str {
    let line =
        printed.lines().find(|line| line.starts_with(label)).unwrap_or_else(|| panic!("no {label} in {printed}"));
    line[label.len()..].trim()
}

#[tokio::test]
async fn an_account_is_made_and_its_keys_are_made_listed_and_revoked() {
    let server = Server::start().await;
    let (ok, made) = api(&server, &["account", "create", "Studio"]).await;
    assert!(ok, "{made}");
    assert!(value(&made, "webhook secret").starts_with("whsec_"));
    let (ok, _) = api(&server, &["account", "create", "Archive", "--keep-history"]).await;
    let keeps = "select name, keep_history from accounts where name <> 'test' order by created_at";
    let keeps: Vec<(String, bool)> = sqlx::query_as(keeps).fetch_all(&server.pool).await.unwrap();
    assert!(ok);
    assert_eq!(keeps, [("Studio".to_owned(), false), ("Archive".to_owned(), true)]);
    let (_, second) = api(&server, &["key", "create", value(&made, "account"), "second"]).await;
    let key = value(&second, "api key");
    let list = async || answer(server.anonymous(Method::GET, "/v1/videos").bearer_auth(key)).await.0;
    assert_eq!(list().await, StatusCode::OK);

    let (_, listed) = api(&server, &["key", "list", value(&made, "account")]).await;
    assert_eq!(listed.lines().count(), 2);
    assert!(!listed.contains(key), "a key is shown once");
    let (ok, _) = api(&server, &["key", "revoke", value(&made, "account"), value(&second, "key ")]).await;
    assert!(ok);
    assert_eq!(list().await, StatusCode::UNAUTHORIZED);
    let (_, listed) = api(&server, &["key", "list", value(&made, "account")]).await;
    assert!(listed.contains("revoked"));
}

#[tokio::test]
async fn limits_and_weights_are_shown_and_set() {
    let server = Server::start().await;
    let account = server.account.to_string();
    let (ok, shown) = api(&server, &["account", "limits", &account]).await;
    assert!(ok, "{shown}");
    assert_eq!((value(&shown, "max running"), value(&shown, "max queued")), ("none", "10000"));
    let set = ["account", "limits", &account, "--max-running", "2", "--max-queued", "none", "--weight", "pro=2.5"];
    let (ok, set) = api(&server, &set).await;
    assert!(ok, "{set}");
    assert_eq!((value(&set, "max running"), value(&set, "max queued")), ("2", "none"));
    assert_eq!((value(&set, "weight fast"), value(&set, "weight pro")), ("1", "2.5"));
    for wrong in [["--max-running", "0"], ["--max-queued", "many"], ["--weight", "pro=0"], ["--weight", "medium=1"]] {
        let (ok, said) = api(&server, &["account", "limits", &account, wrong[0], wrong[1]]).await;
        assert!(!ok && said.contains("must be"), "{said}");
    }
}

#[tokio::test]
async fn what_an_operator_gets_wrong_is_said() {
    let server = Server::start().await;
    for (arguments, word) in [
        (&["account", "create", ""][..], "1 to 200 characters"),
        (&["key", "list", "studio"], "acct_"),
        (&["key", "create", "acct_00000000000000000000000000000000", "x"], "no such account"),
    ] {
        let (ok, printed) = api(&server, arguments).await;
        assert!(!ok && printed.contains(word), "{printed}");
    }
}

#[tokio::test]
async fn migrating_twice_changes_nothing() {
    let server = Server::start().await;
    let (ok, printed) = api(&server, &["migrate"]).await;
    assert!(ok, "{printed}");
}
