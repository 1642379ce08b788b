//! Retention that is said anew, before and after the video is there.

use clipmill_tests::Server;
use clipmill_tests::server::{small, text};
use reqwest::StatusCode;
use serde_json::{Value, json};

async fn change(server: &Server, video: &Value, body: Value) -> (StatusCode, Value) {
    server.post(&format!("/v1/videos/{}/retention", text(&video["id"])), body).await
}

fn number(value: &Value) -> i64 {
    value.as_i64().unwrap_or_else(|| panic!("no number: {value}"))
}

/// When the timer of the only finished video is due, in Unix seconds.
async fn timer(server: &Server) -> Option<i64> {
    let due = "select floor(extract(epoch from due_at))::bigint from removals where reason = 'expired'";
    sqlx::query_scalar(due).fetch_optional(&server.pool).await.unwrap()
}

#[tokio::test]
async fn what_is_said_before_the_video_is_there_counts_from_its_completion() {
    let server = Server::start().await;
    let waiting = server.submit_small().await;
    let (status, changed) = change(&server, &waiting, json!({ "retention_seconds": 7200 })).await;
    assert_eq!(status, StatusCode::OK, "{changed}");
    assert_eq!((&changed["retention_seconds"], &changed["expires_at"]), (&json!(7200), &Value::Null));
    server.render().await;
    let video = server.video(&waiting["id"]).await;
    assert_eq!(number(&video["expires_at"]) - number(&video["completed_at"]), 7200);
}

#[tokio::test]
async fn a_finished_video_stays_for_longer_or_shorter_and_its_timer_with_it() {
    let server = Server::start().await;
    let video = server.completed().await;
    for seconds in [604_800, 1000, 90_000] {
        let (status, changed) = change(&server, &video, json!({ "retention_seconds": seconds })).await;
        assert_eq!(status, StatusCode::OK, "{changed}");
        assert_eq!(number(&changed["expires_at"]) - number(&video["completed_at"]), seconds);
        assert_eq!(timer(&server).await, changed["expires_at"].as_i64());
        assert_eq!(server.expire().await, 0, "its time is not up");
    }
    sqlx::query("update jobs set finished_at = finished_at - interval '1 hour'").execute(&server.pool).await.unwrap();
    assert_eq!(change(&server, &video, json!({ "retention_seconds": 60 })).await.0, StatusCode::OK);
    assert_eq!(server.expire().await, 1, "what is over by then goes at once");
    assert_eq!(server.video(&video["id"]).await["status"], "expired");
    assert!(server.objects(&video["id"]).await.is_empty());
}

#[tokio::test]
async fn what_cannot_be_kept_is_refused_by_name() {
    let server = Server::start().await;
    let video = server.completed().await;
    for (body, param) in [
        (json!({ "retention_seconds": 0 }), "retention_seconds"),
        (json!({ "retention_seconds": 604_801 }), "retention_seconds"),
        (json!({ "retention_seconds": "soon" }), "retention_seconds"),
        (json!({ "pinned": 1 }), "pinned"),
        (json!({}), "retention_seconds"),
        (json!({ "keep": true }), "keep"),
    ] {
        let (status, answer) = change(&server, &video, body.clone()).await;
        assert_eq!((status, &answer["error"]["param"]), (StatusCode::BAD_REQUEST, &json!(param)), "{body}: {answer}");
    }
    let cancelled = server.submit_small().await;
    server.post(&format!("/v1/videos/{}/cancel", text(&cancelled["id"])), Value::Null).await;
    let expired = server.completed().await;
    let due = "update removals set due_at = now() where job_id = (select id from jobs where status = 'completed' order by id desc limit 1)";
    sqlx::query(due).execute(&server.pool).await.unwrap();
    assert_eq!(server.expire().await, 1);
    for ended in [cancelled, expired] {
        let (status, answer) = change(&server, &ended, json!({ "retention_seconds": 7200 })).await;
        assert_eq!((status, &answer["error"]["code"]), (StatusCode::CONFLICT, &json!("nothing_to_keep")));
    }
    assert_eq!(server.video(&video["id"]).await["retention_seconds"], 86_400, "nothing was changed");
}

#[tokio::test]
async fn what_a_worker_has_begun_to_remove_cannot_be_kept_any_more() {
    let server = Server::start().await;
    let video = server.completed().await;
    server.age_timers().await;
    let patience = std::time::Duration::from_secs(300);
    let claimed = clipmill_shared::jobs::removal::claim(&server.env.pool, 10, patience).await.unwrap();
    assert_eq!(claimed.len(), 1);
    for body in [json!({ "retention_seconds": 604_800 }), json!({ "pinned": true })] {
        let (status, answer) = change(&server, &video, body).await;
        assert_eq!((status, &answer["error"]["code"]), (StatusCode::CONFLICT, &json!("nothing_to_keep")));
    }
    clipmill_shared::jobs::removal::release(&server.env.pool, &claimed).await.unwrap();
    let (status, changed) = change(&server, &video, json!({ "retention_seconds": 604_800 })).await;
    assert_eq!(status, StatusCode::OK, "it was given back untouched: {changed}");
    assert_eq!(server.expire().await, 0);
    assert_eq!(server.objects(&video["id"]).await.len(), 5);
}

#[tokio::test]
async fn under_a_legal_hold_a_shorter_time_waits_for_its_end() {
    let server = Server::start().await;
    let mut body = small();
    body["retention_seconds"] = json!(86_400);
    let video = server.submit(body).await;
    server.render().await;
    let hold = "update accounts set hold_reason = 'case', hold_until = now() + interval '1 day'";
    sqlx::query(hold).execute(&server.pool).await.unwrap();
    sqlx::query("update jobs set finished_at = finished_at - interval '1 hour'").execute(&server.pool).await.unwrap();
    assert_eq!(change(&server, &video, json!({ "retention_seconds": 60 })).await.0, StatusCode::OK);
    assert_eq!(server.expire().await, 0);
    assert_eq!(server.objects(&video["id"]).await.len(), 5, "the law comes first");
    assert_eq!(change(&server, &video, json!({ "retention_seconds": 604_800 })).await.0, StatusCode::OK);
    sqlx::query("update accounts set hold_reason = null, hold_until = null").execute(&server.pool).await.unwrap();
    assert_eq!(server.expire().await, 0, "it was given more time meanwhile");
}
