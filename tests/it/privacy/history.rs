//! History: off, what was written goes with what was made of it; on, it stays until it is deleted.

use clipmill_tests::Server;
use clipmill_tests::server::{small, text};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

async fn keep(server: &Server, keep: bool) {
    let (status, _) = server.ask(Method::PATCH, "/v1/account", json!({ "keep_history": keep })).await;
    assert_eq!(status, StatusCode::OK);
}

/// A job with words of every kind.
async fn submit(server: &Server) -> Value {
    let mut wish = small();
    wish["negative_prompt"] = json!("no rain");
    wish["style"] = json!("watercolour");
    wish["camera"] = json!(["pan_left"]);
    server.submit(wish).await
}

async fn cancelled(server: &Server) -> Value {
    let video = submit(server).await;
    server.ask(Method::POST, &format!("/v1/videos/{}/cancel", text(&video["id"])), Value::Null).await;
    video
}

fn is_scrubbed(video: &Value) -> bool {
    let gone = ["negative_prompt", "revised_prompt", "style", "camera"].iter().all(|name| video[name].is_null());
    assert_eq!(gone, video["prompt"] == "", "all of it or nothing: {video}");
    gone
}

async fn age(server: &Server) {
    server.age_timers().await;
    sqlx::query("update jobs set scrub_at = now() where scrub_at is not null").execute(&server.pool).await.unwrap();
    server.expire().await;
}

#[tokio::test]
async fn without_history_words_go_with_the_media_and_what_was_ordered_stays_known() {
    let server = Server::start().await;
    let video = submit(&server).await;
    server.render().await;
    assert!(!is_scrubbed(&server.video(&video["id"]).await), "not while its media are there");
    age(&server).await;
    let expired = server.video(&video["id"]).await;
    assert!(is_scrubbed(&expired), "{expired}");
    assert_eq!(
        (&expired["status"], &expired["size"], &expired["seed"]),
        (&json!("expired"), &json!("256x144"), &json!(7))
    );
}

#[tokio::test]
async fn without_history_words_of_a_job_without_a_video_go_as_long_after_it_as_its_media_would_have() {
    let server = Server::start().await;
    let video = cancelled(&server).await;
    server.expire().await;
    assert!(!is_scrubbed(&server.video(&video["id"]).await));
    let due = "select scrub_at = finished_at + make_interval(secs => retention_seconds) from jobs";
    assert!(sqlx::query_scalar::<_, bool>(due).fetch_one(&server.pool).await.unwrap());
    age(&server).await;
    assert!(is_scrubbed(&server.video(&video["id"]).await));
}

#[tokio::test]
async fn with_history_words_and_records_stay_until_they_are_deleted() {
    let server = Server::start().await;
    keep(&server, true).await;
    let (finished, ended) = (submit(&server).await, cancelled(&server).await);
    server.render().await;
    age(&server).await;
    let old = "update jobs set finished_at = now() - interval '1000 days', created_at = now() - interval '1000 days'";
    sqlx::query(old).execute(&server.pool).await.unwrap();
    server.expire().await;
    for video in [&finished, &ended] {
        assert!(!is_scrubbed(&server.video(&video["id"]).await));
    }
    let path = format!("/v1/videos/{}", text(&ended["id"]));
    assert_eq!(server.ask(Method::DELETE, &path, Value::Null).await.0, StatusCode::OK);
    assert_eq!(server.get(&path).await.0, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn history_that_is_turned_off_later_counts_for_what_was_kept_before() {
    let server = Server::start().await;
    keep(&server, true).await;
    let ended = cancelled(&server).await;
    keep(&server, false).await;
    age(&server).await;
    assert!(is_scrubbed(&server.video(&ended["id"]).await));

    let spared = cancelled(&server).await;
    keep(&server, true).await;
    age(&server).await;
    assert!(!is_scrubbed(&server.video(&spared["id"]).await), "and the other way round");
}
