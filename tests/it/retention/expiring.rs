//! Notices before a video goes: once for each date.

use clipmill_tests::server::{small, text};
use clipmill_tests::{Receiver, Server};
use reqwest::StatusCode;
use serde_json::{Value, json};

async fn video(server: &Server, receiver: &Receiver, retention_seconds: i64) -> Value {
    let mut body = small();
    body["retention_seconds"] = json!(retention_seconds);
    body["webhook_url"] = json!(receiver.url());
    let job = server.submit(body).await;
    server.render().await;
    job
}

/// Lets the time of all finished videos pass but for this.
async fn leave(server: &Server, seconds: i64) {
    for statement in [
        "update jobs set finished_at = now() + make_interval(secs => $1 - retention_seconds),
            expires_at = now() + make_interval(secs => $1) where expires_at is not null",
        "update removals set due_at = now() + make_interval(secs => $1) where reason = 'expired'",
    ] {
        sqlx::query(statement).bind(seconds as f64).execute(&server.pool).await.unwrap();
    }
}

/// What was told of a video so far.
async fn told(server: &Server, receiver: &Receiver, video: &Value) -> Vec<String> {
    while server.notify().await > 0 {}
    let messages = receiver.messages().into_iter().map(|message| message.json());
    messages.filter(|told| told["data"]["id"] == video["id"]).map(|told| text(&told["type"]).to_owned()).collect()
}

async fn change(server: &Server, video: &Value, body: Value) {
    let (status, answer) = server.post(&format!("/v1/videos/{}/retention", text(&video["id"])), body).await;
    assert_eq!(status, StatusCode::OK, "{answer}");
}

#[tokio::test]
async fn a_video_that_will_go_is_told_of_once_and_again_when_it_was_given_more_time() {
    let server = Server::start().await;
    let (receiver, endpoint) = (Receiver::answering([]).await, Receiver::answering([]).await);
    server.endpoint(json!({ "name": "soon", "url": endpoint.url(), "event_types": ["video.expiring"] })).await;
    let job = video(&server, &receiver, 86_400).await;
    server.expire().await;
    assert_eq!(told(&server, &receiver, &job).await, ["video.completed"], "it is not that far");
    leave(&server, 1800).await;
    for _ in 0..3 {
        server.expire().await;
    }
    assert_eq!(told(&server, &receiver, &job).await, ["video.completed", "video.expiring"]);

    change(&server, &job, json!({ "retention_seconds": 604_800 })).await;
    server.expire().await;
    assert_eq!(told(&server, &receiver, &job).await.len(), 2, "the new date is far");
    leave(&server, 1800).await;
    for _ in 0..3 {
        server.expire().await;
    }
    leave(&server, 0).await;
    server.expire().await;
    let all = ["video.completed", "video.expiring", "video.expiring", "video.expired"];
    assert_eq!(told(&server, &receiver, &job).await, all);
    let ids: Vec<_> = receiver.messages().iter().map(|message| message.header("webhook-id").to_owned()).collect();
    assert_ne!(ids[1], ids[2], "receivers that drop what they know hear of the new date");
    assert_eq!(endpoint.messages().len(), 2);
    assert!(endpoint.messages().iter().all(|message| message.json()["type"] == "video.expiring"));
}

#[tokio::test]
async fn who_was_not_told_before_the_video_got_more_time_is_not_told_after() {
    let server = Server::start().await;
    let receiver = Receiver::answering([]).await;
    let job = video(&server, &receiver, 86_400).await;
    leave(&server, 1800).await;
    server.expire().await;
    change(&server, &job, json!({ "pinned": true })).await;
    server.expire().await;
    assert_eq!(told(&server, &receiver, &job).await, ["video.completed"]);
}

#[tokio::test]
async fn videos_that_never_stay_for_longer_and_those_that_the_law_keeps_are_not_told_of() {
    let server = Server::start().await;
    let receiver = Receiver::answering([]).await;
    let short = video(&server, &receiver, 3600).await;
    server.expire().await;
    assert_eq!(told(&server, &receiver, &short).await, ["video.completed"]);
    let held = video(&server, &receiver, 86_400).await;
    let hold = "update accounts set hold_reason = 'case', hold_until = now() + interval '1 day'";
    sqlx::query(hold).execute(&server.pool).await.unwrap();
    leave(&server, 1800).await;
    server.expire().await;
    assert_eq!(told(&server, &receiver, &held).await, ["video.completed"], "it will not go");
    let left: i64 =
        sqlx::query_scalar("select count(*) from jobs where not expiry_noted").fetch_one(&server.pool).await.unwrap();
    assert_eq!(left, 0, "nobody looks at them again");
}
