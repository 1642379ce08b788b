use clipmill_tests::server::{answer, small, text};
use clipmill_tests::{Receiver, Server};
use reqwest::Method;
use serde_json::{Value, json};

#[tokio::test]
async fn a_finished_job_is_told_once_and_signed() {
    let server = Server::start().await;
    let receiver = Receiver::answering([]).await;
    let job = submit(&server, &receiver).await;
    assert_eq!(server.notify().await, 0, "nothing has happened yet");
    server.render().await;
    assert_eq!(server.notify().await, 1);
    server.age_timers().await;
    assert_eq!(server.notify().await, 0, "what was delivered is not delivered again");

    let [message] = receiver.messages().try_into().expect("one message");
    assert!(message.is_genuine(&server.webhook_secret));
    assert!(!message.header("webhook-id").contains('.'));
    assert_eq!(message.header("content-type"), "application/json");
    let event = message.json();
    assert_eq!((&event["object"], &event["type"]), (&json!("event"), &json!("video.completed")));
    assert_eq!(event["data"], json!({ "id": job["id"] }));
    assert!(text(&event["id"]).starts_with("evt_") && event["created_at"].is_i64());
}

#[tokio::test]
async fn an_endpoint_that_fails_is_told_again_with_the_same_id_and_a_new_signature() {
    let server = Server::start().await;
    let receiver = Receiver::answering([500, 302, 429]).await;
    submit(&server, &receiver).await;
    server.render().await;
    for _ in 0..4 {
        assert_eq!(server.notify().await, 1);
        assert_eq!(server.notify().await, 0, "the next try has to wait");
        sqlx::query("update deliveries set due_at = now() where settled_at is null")
            .execute(&server.pool)
            .await
            .unwrap();
    }
    assert_eq!(server.notify().await, 0);
    let messages = receiver.messages();
    assert_eq!(messages.len(), 4, "a redirect is not followed");
    assert!(messages.iter().all(|message| message.is_genuine(&server.webhook_secret)));
    assert!(messages.iter().all(|message| message.header("webhook-id") == messages[0].header("webhook-id")));
    assert!(messages.iter().all(|message| message.body == messages[0].body));
}

#[tokio::test]
async fn an_endpoint_that_is_gone_is_not_asked_again() {
    let server = Server::start().await;
    let receiver = Receiver::answering([410]).await;
    submit(&server, &receiver).await;
    server.render().await;
    server.notify().await;
    server.age_timers().await;
    assert_eq!(server.notify().await, 0);
    assert_eq!(receiver.messages().len(), 1);
}

#[tokio::test]
async fn after_the_tenth_try_it_is_given_up() {
    let server = Server::start().await;
    let receiver = Receiver::answering([500; 20]).await;
    submit(&server, &receiver).await;
    server.render().await;
    for _ in 0..12 {
        server.notify().await;
        server.age_timers().await;
    }
    assert_eq!(receiver.messages().len(), 10);
    let (delivered, status): (bool, i32) =
        sqlx::query_as("select delivered, last_status from deliveries where settled_at is not null")
            .fetch_one(&server.pool)
            .await
            .unwrap();
    assert_eq!((delivered, status), (false, 500));
}

#[tokio::test]
async fn a_private_address_is_refused_when_it_is_not_allowed() {
    let server = Server::start().await;
    let receiver = Receiver::answering([]).await;
    submit(&server, &receiver).await;
    server.render().await;
    let guarded = clipmill_shared::outbound::OutboundConfig::default();
    let env = clipmill_worker::Env::new(
        server.pool.clone(),
        server.storage.clone(),
        server.env.vault.clone(),
        clipmill_worker::preview_engines(),
        server.env.config.clone(),
        &guarded,
        server.env.stop.clone(),
    );
    assert_eq!(clipmill_worker::notify::step(&std::sync::Arc::new(env.unwrap())).await.unwrap(), 1);
    assert!(receiver.messages().is_empty());
}

#[tokio::test]
async fn cancelling_and_failing_are_told_too() {
    let server = Server::start().await;
    let receiver = Receiver::answering([]).await;
    let job = submit(&server, &receiver).await;
    answer(server.request(Method::POST, &format!("/v1/videos/{}/cancel", text(&job["id"])))).await;
    server.notify().await;
    assert_eq!(receiver.messages()[0].json()["type"], "video.cancelled");
}

async fn submit(server: &Server, receiver: &Receiver) -> Value {
    let mut body = small();
    body["webhook_url"] = json!(receiver.url());
    server.submit(body).await
}
