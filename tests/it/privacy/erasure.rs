//! Deletion: of an account, and of a period; and the receipt.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use clipmill_shared::accounts::erasure::{self, Wish};
use clipmill_shared::db;
use clipmill_shared::jobs::lease::{self, Ability, LeaseError};
use clipmill_shared::tier::Tier;
use clipmill_tests::log::Log;
use clipmill_tests::process::until;
use clipmill_tests::server::{small, text};
use clipmill_tests::{Server, picture};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use super::trace::tables_with;

const PROMPT: &str = "zanzibarred lighthouse keeper";
const EMAIL: &str = "mallory.quill@example.com";

fn wish() -> Value {
    let mut wish = small();
    wish["prompt"] = json!(PROMPT);
    wish
}

/// Gives the account something of everything.
async fn live(server: &Server) {
    server
        .ask(
            Method::PATCH,
            "/v1/account",
            json!({ "email": EMAIL, "training_consent": true, "training_consent_wording": "1", "watermark": { "text": PROMPT } }),
        )
        .await;
    let mut marked = wish();
    marked["watermark"] = json!(true);
    server.submit(marked).await;
    server.render().await;
    let mut image = wish();
    image["input_reference"] =
        json!({ "image_url": format!("data:image/jpeg;base64,{}", BASE64.encode(picture::COFFEE)) });
    server.submit(image).await;
    server.put_up(picture::COFFEE, "zanzibarred.jpg").await;
    server.endpoint(json!({ "name": "zanzibarred", "url": "https://example.com/zanzibarred" })).await;
    server.post("/v1/account/export", Value::Null).await;
}

async fn delete(server: &Server) -> (StatusCode, Value) {
    server.ask(Method::DELETE, &format!("/v1/account?confirm={}", server.account), Value::Null).await
}

#[tokio::test]
async fn an_account_that_is_deleted_is_found_nowhere_afterwards() {
    let log = Log::begin();
    let server = Server::start().await;
    live(&server).await;
    assert!(tables_with(&server, PROMPT).await.contains(&"jobs".to_owned()), "the search finds what is there");
    assert!(tables_with(&server, PROMPT).await.contains(&"accounts".to_owned()), "in the account's mark");
    assert!(tables_with(&server, EMAIL).await.contains(&"accounts".to_owned()));
    assert!(server.objects_of_account().await.len() >= 6);

    let (status, receipt) = delete(&server).await;
    assert_eq!(
        (status, &receipt["status"], &receipt["scope"]),
        (StatusCode::OK, &json!("completed"), &json!("account"))
    );
    let gone = json!({ "videos": 2, "files": 1, "webhook_endpoints": 1, "api_keys": 1 });
    assert_eq!(receipt["deleted"], gone);
    for kept in receipt["kept"].as_array().unwrap() {
        assert!(!text(&kept["reason"]).is_empty() && kept["until"].as_i64() > receipt["created_at"].as_i64(), "{kept}");
    }
    for trace in [PROMPT, "zanzibarred", EMAIL, "mallory", server.key(), "\"test\""] {
        assert_eq!(tables_with(&server, trace).await, Vec::<String>::new(), "{trace}");
        assert!(!log.text().contains(trace), "{trace} in the log");
    }
    assert_eq!(server.objects_of_account().await, Vec::<String>::new());
    assert_eq!(server.get("/v1/account").await.0, StatusCode::UNAUTHORIZED);

    let path = format!("/v1/receipts/{}", text(&receipt["receipt_token"]));
    let (status, again) = server.ask_as("", Method::GET, &path, Value::Null).await;
    assert_eq!((status, &again["deleted"], &again["kept"]), (StatusCode::OK, &gone, &receipt["kept"]));
    assert!(again["receipt_token"].is_null(), "the token is told once");
    let usage = "select count(*) from usage where account_id = $1";
    let usage: i64 = sqlx::query_scalar(usage).bind(server.account.uuid()).fetch_one(&server.pool).await.unwrap();
    assert_eq!(usage, 1, "what invoices rest on stays");
}

#[tokio::test]
async fn a_running_job_of_a_deleted_account_is_stopped_and_leaves_nothing() {
    let server = Server::start().await;
    server.submit_small().await;
    let lease = lease::claim(&server.env.pool, Ability::of(&Tier::ALL), "test", Duration::from_secs(30))
        .await
        .unwrap()
        .unwrap();
    assert_eq!(delete(&server).await.0, StatusCode::OK);
    assert!(matches!(lease.renew(&server.env.pool, 50).await, Err(LeaseError::Lost)));
    let late = format!("{}late.mp4", lease.job().attempt_prefix());
    server.storage.put(&late, "video/mp4", "what a late worker stored".into()).await.unwrap();
    assert!(matches!(lease.complete(&server.env.pool, &[]).await, Err(LeaseError::Lost)));
    server.age_timers().await;
    server.expire().await;
    assert_eq!(server.objects_of_account().await, Vec::<String>::new(), "what came later went later");
}

#[tokio::test]
async fn what_a_request_did_not_finish_a_worker_does() {
    let server = Server::start().await;
    live(&server).await;
    let (wished, token) = erasure::request(&server.pool, server.account, Wish::Account).await.unwrap();
    assert_eq!(server.get("/v1/account").await.0, StatusCode::UNAUTHORIZED, "keys are dead from the wish on");
    assert_eq!(wished.state.as_str(), "in_progress");
    server.expire().await;
    let done = erasure::find_by_token(&server.pool, &token).await.unwrap().unwrap();
    assert_eq!((done.state.as_str(), done.videos, done.files), ("completed", 2, 1));
    assert_eq!(tables_with(&server, "zanzibarred").await, Vec::<String>::new());
    assert_eq!(server.objects_of_account().await, Vec::<String>::new());
}

#[tokio::test]
async fn what_is_under_way_when_its_account_is_deleted_comes_to_nothing() {
    let file = json!({ "filename": "cup.jpg", "content_type": "image/jpeg", "bytes": 17 });
    for (path, body, refused) in
        [("/v1/files", file, StatusCode::SERVICE_UNAVAILABLE), ("/v1/videos", wish(), StatusCode::FORBIDDEN)]
    {
        let server = Server::start().await;
        let mut tx = db::begin(&server.pool).await.unwrap();
        let (wished, _) = erasure::request_in(&mut tx, server.account, Wish::Account).await.unwrap();
        let deletion = async {
            let waits =
                "select count(*) from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'";
            until("a request that waits", async || {
                sqlx::query_scalar::<_, i64>(waits).fetch_one(&server.pool).await.unwrap() == 1
            })
            .await;
            tx.commit().await.unwrap();
        };
        let ((status, answer), ()) = tokio::join!(server.ask(Method::POST, path, body), deletion);
        assert_eq!(status, refused, "{path}: {answer}");
        let (done, _) = erasure::step(&server.pool, &wished).await.unwrap();
        assert_eq!((done.state.as_str(), done.videos, done.files), ("completed", 0, 0));
        assert_eq!(tables_with(&server, "cup.jpg").await, Vec::<String>::new());
        assert_eq!(tables_with(&server, PROMPT).await, Vec::<String>::new());
    }
}

#[tokio::test]
async fn a_deletion_has_to_be_meant() {
    let server = Server::start().await;
    let other = "acct_00000000000000000000000000000000";
    for path in ["/v1/account".to_owned(), format!("/v1/account?confirm={other}"), "/v1/account?confirm=yes".to_owned()]
    {
        let (status, answer) = server.ask(Method::DELETE, &path, Value::Null).await;
        assert_eq!((status, &answer["error"]["param"]), (StatusCode::BAD_REQUEST, &json!("confirm")), "{path}");
    }
    let (status, answer) = server.ask(Method::DELETE, "/v1/account?sure=1", Value::Null).await;
    assert_eq!((status, &answer["error"]["param"]), (StatusCode::BAD_REQUEST, &json!("sure")));
    assert_eq!(server.get("/v1/account").await.0, StatusCode::OK);
    for path in ["/v1/receipts/cmrcpt_x", "/v1/receipts/cmrcpt_000000000000000000000000000000000000000000"] {
        assert_eq!(server.get(path).await.0, StatusCode::NOT_FOUND, "{path}");
    }
}

#[tokio::test]
async fn what_was_made_in_a_period_goes_and_the_rest_stays() {
    let server = Server::start().await;
    let (before, within) = (server.completed().await, server.completed().await);
    let (kept, gone) =
        (server.put_up(picture::COFFEE, "kept.jpg").await, server.put_up(picture::COFFEE, "gone.jpg").await);
    for (table, id, prefix) in [("jobs", &before["id"], "video_"), ("files", &kept["id"], "file_")] {
        let aged = format!("update {table} set created_at = '2020-01-01T00:00:00Z' where id = $1::uuid");
        let id = text(id).strip_prefix(prefix).unwrap().to_owned();
        sqlx::query(sqlx::AssertSqlSafe(aged.replace("$1::uuid", &format!("'{id}'"))))
            .execute(&server.pool)
            .await
            .unwrap();
    }
    let period = json!({ "from": 1_600_000_000, "until": 253_402_300_799_i64 });
    let (status, receipt) = server.post("/v1/account/erasures", period).await;
    assert_eq!((status, &receipt["status"], &receipt["kept"]), (StatusCode::OK, &json!("completed"), &json!([])));
    assert_eq!((&receipt["deleted"]["videos"], &receipt["deleted"]["files"]), (&json!(1), &json!(1)));
    assert!(!server.objects(&before["id"]).await.is_empty() && server.objects(&within["id"]).await.is_empty());
    assert!(!server.file_objects(&kept["id"]).await.is_empty() && server.file_objects(&gone["id"]).await.is_empty());
    assert_eq!(server.get(&format!("/v1/videos/{}", text(&within["id"]))).await.0, StatusCode::NOT_FOUND);
    let (status, again) = server.get(&format!("/v1/account/erasures/{}", text(&receipt["id"]))).await;
    assert_eq!((status, &again["deleted"]), (StatusCode::OK, &receipt["deleted"]));

    for (body, field) in [
        (json!({ "until": 5 }), "from"),
        (json!({ "from": 5, "until": 5 }), "until"),
        (json!({ "from": -1, "until": 5 }), "from"),
        (json!({ "from": 1, "until": 900_000_000_000_i64 }), "until"),
    ] {
        let (status, answer) = server.post("/v1/account/erasures", body.clone()).await;
        assert_eq!((status, &answer["error"]["param"]), (StatusCode::BAD_REQUEST, &json!(field)), "{body}");
    }
}

#[tokio::test]
async fn a_large_account_goes_in_steps_that_outlive_a_crash() {
    let server = Server::start().await;
    let many = "insert into jobs (id, account_id, tier, mode, model, prompt, width, height, seconds, fps, seed, retention_seconds,
                fingerprint, virtual_start)
                select gen_random_uuid(), $1, 'fast', 'text_to_video', 'fast', 'many', 256, 144, 1, 24, 7, 60, '', number
                from generate_series(1, 1200) as number";
    sqlx::query(many).bind(server.account.uuid()).execute(&server.pool).await.unwrap();
    let (wished, _) = erasure::request(&server.pool, server.account, Wish::Account).await.unwrap();
    let (first, prefixes) = erasure::step(&server.api, &wished).await.unwrap();
    assert_eq!((first.state.as_str(), first.videos, prefixes.len()), ("in_progress", 500, 0));
    // Whoever took the first step is gone; the rest is a worker's.
    for _ in 0..3 {
        server.expire().await;
    }
    let done = erasure::find(&server.pool, server.account, wished.id).await.unwrap().unwrap();
    assert_eq!((done.state.as_str(), done.videos), ("completed", 1200));
    assert_eq!(tables_with(&server, "many").await, Vec::<String>::new());
}
