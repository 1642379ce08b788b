//! Legal holds: nothing is deleted, and nobody is left in the dark.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use clipmill_tests::server::{small, text};
use clipmill_tests::{Server, picture};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

const LATER: i64 = 4_102_444_800;

async fn hold(server: &Server, body: Value) -> Value {
    let operator = server.operator().await;
    let path = format!("/v1/admin/accounts/{}", server.account);
    let (status, account) = server.ask_as(&operator, Method::PATCH, &path, body).await;
    assert_eq!(status, StatusCode::OK, "{account}");
    account
}

#[tokio::test]
async fn while_a_legal_hold_lasts_nothing_is_deleted_by_time_or_by_wish() {
    let server = Server::start().await;
    let (video, file) = (server.completed().await, server.put_up(picture::COFFEE, "cup.jpg").await);
    let mut image = small();
    image["input_reference"] =
        json!({ "image_url": format!("data:image/jpeg;base64,{}", BASE64.encode(picture::COFFEE)) });
    let image = server.submit(image).await;
    let held = hold(&server, json!({ "legal_hold_reason": "case 12/26", "legal_hold_until": LATER })).await;
    assert_eq!((&held["legal_hold_reason"], &held["legal_hold_until"]), (&json!("case 12/26"), &json!(LATER)));
    server.ask(Method::POST, &format!("/v1/videos/{}/cancel", text(&image["id"])), Value::Null).await;

    let period = json!({ "from": 0, "until": LATER });
    for (method, path, body) in [
        (Method::DELETE, format!("/v1/videos/{}", text(&video["id"])), Value::Null),
        (Method::DELETE, format!("/v1/files/{}", text(&file["id"])), Value::Null),
        (Method::POST, "/v1/account/erasures".to_owned(), period),
    ] {
        let (status, answer) = server.ask(method, &path, body).await;
        assert_eq!((status, &answer["error"]["code"]), (StatusCode::CONFLICT, &json!("legal_hold")), "{path}");
        assert!(
            text(&answer["error"]["message"]).contains("2100") && !answer.to_string().contains("12/26"),
            "{answer}"
        );
    }
    server.age_timers().await;
    sqlx::query("update jobs set finished_at = now() - interval '1000 days', created_at = now() - interval '1000 days' where finished_at is not null")
        .execute(&server.pool).await.unwrap();
    for _ in 0..2 {
        server.expire().await;
    }
    assert_eq!(server.video(&video["id"]).await["status"], "completed", "its time is over, and it stays");
    assert_eq!((server.objects(&video["id"]).await.len(), server.file_objects(&file["id"]).await.len()), (5, 1));
    assert_eq!(server.objects(&image["id"]).await.len(), 1, "the source image too");
    assert_eq!(server.video(&image["id"]).await["prompt"], small()["prompt"]);
    assert_eq!(server.get("/v1/account").await.1["legal_hold_until"], json!(LATER), "the account can see it");

    hold(&server, json!({ "legal_hold_reason": "" })).await;
    sqlx::query("update removals set due_at = now()").execute(&server.pool).await.unwrap();
    for _ in 0..2 {
        server.expire().await;
    }
    assert_eq!(server.objects_of_account().await, Vec::<String>::new(), "what was due goes when the hold is over");
}

#[tokio::test]
async fn the_deletion_of_an_account_waits_for_the_hold_to_end_and_says_so() {
    let server = Server::start().await;
    let video = server.completed().await;
    hold(&server, json!({ "legal_hold_reason": "case 12/26", "legal_hold_until": LATER })).await;
    let (status, receipt) =
        server.ask(Method::DELETE, &format!("/v1/account?confirm={}", server.account), Value::Null).await;
    assert_eq!(
        (status, &receipt["status"], &receipt["held_until"]),
        (StatusCode::ACCEPTED, &json!("held"), &json!(LATER))
    );
    assert_eq!(server.get("/v1/account").await.0, StatusCode::UNAUTHORIZED, "keys are dead all the same");
    server.expire().await;
    assert_eq!(server.objects(&video["id"]).await.len(), 5);
    let path = format!("/v1/receipts/{}", text(&receipt["receipt_token"]));
    assert_eq!(server.get(&path).await.1["status"], "held");

    sqlx::query("update accounts set hold_until = now()").execute(&server.pool).await.unwrap();
    for _ in 0..2 {
        server.expire().await;
    }
    let (_, receipt) = server.get(&path).await;
    assert_eq!((&receipt["status"], &receipt["deleted"]["videos"]), (&json!("completed"), &json!(1)));
    assert_eq!(server.objects_of_account().await, Vec::<String>::new());
}
