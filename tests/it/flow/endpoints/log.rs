//! What can be seen of what was sent.

use clipmill_tests::server::text;
use clipmill_tests::{Receiver, Server};
use serde_json::{Value, json};

use super::{cancelled, endpoint, log, secret};

#[tokio::test]
async fn the_log_shows_every_try_with_what_was_said_and_nothing_secret() {
    let server = Server::start().await;
    let receiver = Receiver::saying("no room", [507]).await;
    let made = endpoint(&server, &receiver).await;
    cancelled(&server).await;
    server.notify().await;
    let [waiting] = log(&server, &made).await.try_into().expect("one delivery");
    assert_eq!((&waiting["status"], waiting["next_attempt_at"].is_i64()), (&json!("pending"), true));
    server.age_timers().await;
    server.notify().await;

    let [delivery] = log(&server, &made).await.try_into().expect("one delivery");
    let [first, second] = receiver.messages().try_into().expect("two messages");
    assert_eq!((&delivery["status"], &delivery["next_attempt_at"]), (&json!("delivered"), &Value::Null));
    assert_eq!(delivery["id"], first.header("webhook-id"));
    assert_eq!((&delivery["event_id"], &delivery["event_type"]), (&first.json()["id"], &json!("video.cancelled")));
    for (attempt, message, number, status, said) in
        [(&delivery["attempts"][0], &second, 2, 204, ""), (&delivery["attempts"][1], &first, 1, 507, "no room")]
    {
        let headers = json!({
            "content-type": "application/json", "webhook-id": delivery["id"],
            "webhook-timestamp": message.header("webhook-timestamp"),
        });
        let expected = json!({
            "attempt": number, "started_at": message.header("webhook-timestamp").parse::<i64>().unwrap(),
            "duration_ms": attempt["duration_ms"], "status_code": status, "error": null,
            "request": { "url": receiver.url(), "headers": headers, "body": String::from_utf8_lossy(&message.body) },
            "response": { "body": said },
        });
        assert_eq!(attempt, &expected);
    }
    let shown = json!(delivery).to_string();
    let signature = first.header("webhook-signature").split_once(',').unwrap().1;
    assert!(!shown.contains(signature) && !shown.contains(&secret(&made).reveal()[6..]));
}

#[tokio::test]
async fn a_long_answer_is_cut_and_an_odd_one_is_text() {
    let server = Server::start().await;
    let receiver = Receiver::saying("\0ä".repeat(100_000), [500]).await;
    let made = endpoint(&server, &receiver).await;
    cancelled(&server).await;
    server.notify().await;
    let [delivery] = log(&server, &made).await.try_into().expect("one delivery");
    let said = text(&delivery["attempts"][0]["response"]["body"]);
    assert!(said.len() <= 2048 && said.starts_with("\u{fffd}ä\u{fffd}ä"), "{} bytes", said.len());
}

#[tokio::test]
async fn a_try_without_an_answer_says_why() {
    let server = Server::start().await;
    let made = server.endpoint(json!({ "name": "nobody", "url": "http://127.0.0.1:9/hook" })).await;
    cancelled(&server).await;
    server.notify().await;
    let [delivery] = log(&server, &made).await.try_into().expect("one delivery");
    let attempt = &delivery["attempts"][0];
    let said = (&attempt["status_code"], &attempt["error"], &attempt["response"]);
    assert_eq!(said, (&Value::Null, &json!("connection_failed"), &Value::Null));
}

#[tokio::test]
async fn old_tries_and_events_without_a_job_go_with_the_sweep() {
    let server = Server::start().await;
    let (gone, other) = (Receiver::answering([410]).await, Receiver::answering([]).await);
    endpoint(&server, &gone).await;
    let other = endpoint(&server, &other).await;
    cancelled(&server).await;
    for _ in 0..2 {
        server.notify().await;
    }
    let tries = async || {
        log(&server, &other).await.iter().map(|one| one["attempts"].as_array().unwrap().len()).collect::<Vec<_>>()
    };
    assert_eq!(tries().await, [1, 1]);
    for (days, left) in [(29, vec![1, 1]), (2, vec![0])] {
        for aged in [
            "update delivery_attempts set started_at = started_at - make_interval(days => $1)",
            "update events set created_at = created_at - make_interval(days => $1)",
        ] {
            sqlx::query(aged).bind(days).execute(&server.pool).await.unwrap();
        }
        server.expire().await;
        assert_eq!(tries().await, left);
    }
}

#[tokio::test]
async fn the_address_of_a_job_has_no_log() {
    let server = Server::start().await;
    let receiver = Receiver::answering([]).await;
    let mut body = clipmill_tests::server::small();
    body["webhook_url"] = json!(receiver.url());
    let job = server.submit(body).await;
    server.post(&format!("/v1/videos/{}/cancel", text(&job["id"])), Value::Null).await;
    assert_eq!(server.notify().await, 1);
    let tries: i64 =
        sqlx::query_scalar("select count(*) from delivery_attempts").fetch_one(&server.pool).await.unwrap();
    assert_eq!(tries, 0);
}
