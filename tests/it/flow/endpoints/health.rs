//! Endpoints that fail.

use clipmill_tests::server::text;
use clipmill_tests::{Receiver, Server};
use serde_json::{Value, json};

use super::{cancelled, endpoint, kinds, log, path, state};

#[tokio::test]
async fn an_endpoint_that_is_gone_is_told_no_more_and_the_others_learn_of_it() {
    let server = Server::start().await;
    let (gone, other, deaf) =
        (Receiver::answering([410]).await, Receiver::answering([]).await, Receiver::answering([]).await);
    let made = endpoint(&server, &gone).await;
    endpoint(&server, &other).await;
    server.endpoint(json!({ "name": "deaf", "url": deaf.url(), "event_types": ["video.cancelled"] })).await;
    cancelled(&server).await;
    assert_eq!(server.notify().await, 3);
    assert_eq!(state(&server, &made).await, (json!("disabled"), json!("gone")));
    assert_eq!(server.notify().await, 1);
    let event = other.messages()[1].json();
    assert_eq!((&event["type"], &event["data"]), (&json!("webhook_endpoint.disabled"), &json!({ "id": made["id"] })));

    cancelled(&server).await;
    assert_eq!(server.notify().await, 2);
    assert_eq!((gone.messages().len(), deaf.messages().len()), (1, 2));
    assert_eq!(kinds(&other), ["video.cancelled", "webhook_endpoint.disabled", "video.cancelled"]);
    assert_eq!(log(&server, &made).await[0]["status"], "failed");
}

#[tokio::test]
async fn an_endpoint_without_a_success_for_five_days_is_disabled() {
    let server = Server::start().await;
    let (failing, other) = (Receiver::answering([500; 9]).await, Receiver::answering([]).await);
    let made = endpoint(&server, &failing).await;
    endpoint(&server, &other).await;
    cancelled(&server).await;
    server.notify().await;
    age_failures(&server, "4 days 23 hours").await;
    retry(&server).await;
    assert_eq!(state(&server, &made).await, (json!("enabled"), Value::Null));
    age_failures(&server, "2 hours").await;
    cancelled(&server).await;
    server.age_timers().await;
    server.notify().await;
    assert_eq!(state(&server, &made).await, (json!("disabled"), json!("failing")));
    server.notify().await;
    assert_eq!(kinds(&other), ["video.cancelled", "video.cancelled", "webhook_endpoint.disabled"]);
}

#[tokio::test]
async fn a_success_in_between_begins_the_five_days_anew() {
    let server = Server::start().await;
    let receiver = Receiver::answering([500, 204, 302]).await;
    let made = endpoint(&server, &receiver).await;
    cancelled(&server).await;
    server.notify().await;
    age_failures(&server, "6 days").await;
    retry(&server).await;
    cancelled(&server).await;
    server.notify().await;
    assert_eq!(receiver.messages().len(), 3);
    assert_eq!(state(&server, &made).await, (json!("enabled"), Value::Null));
}

#[tokio::test]
async fn what_waits_for_a_disabled_endpoint_is_settled_and_holds_nobody_up() {
    let server = Server::start().await;
    let (off, on) = (Receiver::answering([500, 500]).await, Receiver::answering([]).await);
    let made = endpoint(&server, &off).await;
    for _ in 0..2 {
        cancelled(&server).await;
    }
    server.notify().await;
    server.post(&path(&made), json!({ "enabled": false })).await;
    endpoint(&server, &on).await;
    server.age_timers().await;
    assert_eq!(server.notify().await, 0);
    assert!(log(&server, &made).await.iter().all(|delivery| delivery["status"] == "failed"));
    cancelled(&server).await;
    assert_eq!(server.notify().await, 1);
    assert_eq!((off.messages().len(), on.messages().len()), (2, 1));
}

#[tokio::test]
async fn an_endpoint_that_is_enabled_again_in_time_gets_what_waits() {
    let server = Server::start().await;
    let receiver = Receiver::answering([500]).await;
    let made = endpoint(&server, &receiver).await;
    cancelled(&server).await;
    server.notify().await;
    for enabled in [false, true] {
        server.post(&path(&made), json!({ "enabled": enabled })).await;
    }
    retry(&server).await;
    assert_eq!(receiver.messages().len(), 2);
    assert_eq!(log(&server, &made).await[0]["status"], "delivered");
}

#[tokio::test]
async fn a_job_ends_although_its_endpoints_are_being_deleted() {
    let server = Server::start().await;
    let receiver = Receiver::answering([]).await;
    let made = endpoint(&server, &receiver).await;
    let job = server.submit_small().await;
    let mut deletion = server.pool.begin().await.unwrap();
    sqlx::query("delete from webhook_endpoints").execute(&mut *deletion).await.unwrap();
    let cancel = format!("/v1/videos/{}/cancel", text(&job["id"]));
    let (ended, ()) = tokio::join!(server.post(&cancel, Value::Null), async {
        until_somebody_waits(&server).await;
        deletion.commit().await.unwrap();
    });
    assert_eq!(ended.1["status"], "cancelled", "{ended:?}");
    assert_eq!(server.notify().await, 0);
    assert_eq!(server.get(&path(&made)).await.0, reqwest::StatusCode::NOT_FOUND);
}

/// Waits until a statement waits for a lock in the test's database.
async fn until_somebody_waits(server: &Server) {
    let waiting =
        "select exists (select from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock')";
    while !sqlx::query_scalar::<_, bool>(waiting).fetch_one(&server.pool).await.unwrap() {
        tokio::task::yield_now().await;
    }
}

async fn age_failures(server: &Server, by: &str) {
    let aged = "update webhook_endpoints set failing_since = failing_since - $1::text::interval";
    sqlx::query(aged).bind(by).execute(&server.pool).await.unwrap();
}

async fn retry(server: &Server) {
    server.age_timers().await;
    server.notify().await;
}
