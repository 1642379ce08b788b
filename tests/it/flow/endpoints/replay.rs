//! Sending again.

use std::collections::HashSet;
use std::time::Duration;

use chrono::DateTime;
use clipmill_shared::id::EndpointId;
use clipmill_shared::webhooks::outbox::{self, Delivery, Outcome, Tried};
use clipmill_shared::webhooks::replay;
use clipmill_tests::server::text;
use clipmill_tests::{Receiver, Server};
use serde_json::{Value, json};

use super::{cancelled, endpoint, kinds, log, path, state};

const PATIENCE: Duration = Duration::from_secs(60);

#[tokio::test]
async fn a_delivery_is_replayed_under_its_own_id_with_a_schedule_of_its_own() {
    let server = Server::start().await;
    let receiver = Receiver::answering([500; 11]).await;
    let made = endpoint(&server, &receiver).await;
    cancelled(&server).await;
    for _ in 0..12 {
        server.notify().await;
        server.age_timers().await;
    }
    let [given_up] = log(&server, &made).await.try_into().expect("one delivery");
    assert_eq!((&given_up["status"], receiver.messages().len()), (&json!("failed"), 10));

    let replay = format!("{}/deliveries/{}/replay", path(&made), text(&given_up["id"]));
    server.post(&replay, Value::Null).await;
    assert_eq!(server.notify().await, 1);
    assert_eq!(server.notify().await, 0, "the next try has to wait");
    server.age_timers().await;
    assert_eq!(server.notify().await, 1, "and there is a next one");
    let [delivered] = log(&server, &made).await.try_into().expect("the same delivery");
    assert_eq!((&delivered["status"], &delivered["attempts"][0]["attempt"]), (&json!("delivered"), &json!(12)));
    assert_eq!(delivered["attempts"].as_array().unwrap().len(), 10, "the latest ten are shown");
    assert!(receiver.messages().iter().all(|message| message.header("webhook-id") == text(&delivered["id"])));

    server.post(&replay, Value::Null).await;
    assert_eq!(server.notify().await, 1, "what arrived can be sent again too");
}

#[tokio::test]
async fn what_happened_while_an_endpoint_was_disabled_is_replayed_since_a_moment() {
    let server = Server::start().await;
    let receiver = Receiver::answering([]).await;
    let filter =
        json!({ "name": "a", "url": receiver.url(), "event_types": ["video.cancelled", "webhook_endpoint.disabled"] });
    let made = server.endpoint(filter).await;
    let told = cancelled(&server).await;
    server.notify().await;
    server.post(&path(&made), json!({ "enabled": false })).await;
    let missed = cancelled(&server).await;
    server.completed().await;
    assert_eq!(server.notify().await, 0);
    server.post(&path(&made), json!({ "enabled": true })).await;

    let since = told["created_at"].as_i64().unwrap() - 60;
    let replay = format!("{}/replay", path(&made));
    let (_, replayed) = server.post(&replay, json!({ "since": since })).await;
    assert_eq!(replayed["replayed"], 2, "what the endpoint does not take is not replayed");
    assert_eq!(server.notify().await, 2);
    let ids_of = |job: &Value| -> HashSet<String> {
        let messages = receiver.messages();
        let about = messages.iter().filter(|message| message.json()["data"]["id"] == job["id"]);
        about.map(|message| message.header("webhook-id").to_owned()).collect()
    };
    assert_eq!(receiver.messages().len(), 3);
    assert_eq!((ids_of(&told).len(), ids_of(&missed).len()), (1, 1), "what was sent before keeps its id");

    sqlx::query("update events set created_at = created_at - interval '1 day'").execute(&server.pool).await.unwrap();
    let (_, replayed) = server.post(&replay, json!({ "since": since })).await;
    assert_eq!(replayed["replayed"], 0);
}

#[tokio::test]
async fn an_endpoint_made_afterwards_gets_nothing_until_it_asks() {
    let server = Server::start().await;
    let receiver = Receiver::answering([]).await;
    server.completed().await;
    let made = endpoint(&server, &receiver).await;
    assert_eq!(server.notify().await, 0);
    assert_eq!(log(&server, &made).await.len(), 0);
    server.post(&format!("{}/replay", path(&made)), json!({ "since": 0 })).await;
    assert_eq!(server.notify().await, 1);
    assert_eq!(kinds(&receiver), ["video.completed"]);
}

#[tokio::test]
async fn an_endpoint_is_not_told_of_its_own_disabling() {
    let server = Server::start().await;
    let receiver = Receiver::answering([410]).await;
    let made = endpoint(&server, &receiver).await;
    cancelled(&server).await;
    server.notify().await;
    assert_eq!(state(&server, &made).await.1, "gone");
    server.post(&path(&made), json!({ "enabled": true })).await;
    let (_, replayed) = server.post(&format!("{}/replay", path(&made)), json!({ "since": 0 })).await;
    assert_eq!(replayed["replayed"], 1);
    server.notify().await;
    assert_eq!(kinds(&receiver), ["video.cancelled", "video.cancelled"]);
}

#[tokio::test]
async fn a_replay_takes_the_oldest_thousand_and_says_that_there_is_more() {
    let server = Server::start().await;
    server.completed().await;
    let receiver = Receiver::answering([]).await;
    let made = endpoint(&server, &receiver).await;
    let many = "insert into events (id, account_id, job_id, kind, created_at)
                select gen_random_uuid(), account_id, id, 'video.' || n, now() - make_interval(secs => 2000 - n)
                from jobs, generate_series(1, 1500) as n";
    sqlx::query(many).execute(&server.pool).await.unwrap();
    sqlx::query("delete from deliveries").execute(&server.pool).await.unwrap();
    let replay = format!("{}/replay", path(&made));
    let (_, first) = server.post(&replay, json!({ "since": 0 })).await;
    assert_eq!((&first["replayed"], &first["has_more"]), (&json!(1000), &json!(true)));
    let (_, rest) = server.post(&replay, json!({ "since": first["until"] })).await;
    assert_eq!(rest["has_more"], false);
    let known: i64 = sqlx::query_scalar("select count(*) from deliveries").fetch_one(&server.pool).await.unwrap();
    assert_eq!(known, 1501, "each event has one delivery");
    sqlx::query("delete from events where kind not like 'video.completed'").execute(&server.pool).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn replays_and_settlings_at_the_same_time_do_not_wait_for_each_other_for_ever() {
    let server = Server::start().await;
    let receiver = Receiver::answering([]).await;
    let made = endpoint(&server, &receiver).await;
    let first = cancelled(&server).await;
    for _ in 1..40 {
        cancelled(&server).await;
    }
    let endpoint: EndpointId = text(&made["id"]).parse().unwrap();
    let since = DateTime::from_timestamp(first["created_at"].as_i64().unwrap() - 60, 0).unwrap();
    for _ in 0..20 {
        let due = outbox::claim(&server.pool, 100, PATIENCE).await.unwrap();
        // The other way round than they were made.
        let tried = |delivery: &Delivery| Tried {
            id: delivery.id,
            attempt: delivery.attempt,
            outcome: Outcome::Again(Duration::ZERO),
            status: Some(500),
            entry: None,
        };
        let tries: Vec<Tried> = due.iter().rev().map(tried).collect();
        let mut connection = server.pool.acquire().await.unwrap();
        let (settled, replayed) = tokio::join!(
            outbox::settle(&mut connection, &tries),
            replay::since(&server.pool, server.account, endpoint, since)
        );
        settled.expect("they are settled");
        assert_eq!(replayed.expect("they are replayed").count, 40);
    }
}
