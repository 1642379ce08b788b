//! Who is told of what, and how it is signed.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use clipmill_tests::receiver::Message;
use clipmill_tests::server::{small, text};
use clipmill_tests::{Receiver, Server};
use ed25519_dalek::{Signature, VerifyingKey};
use serde_json::json;

use super::{cancelled, endpoint, kinds, path, secret};

#[tokio::test]
async fn each_endpoint_is_told_what_it_takes_beside_the_address_of_the_job() {
    let server = Server::start().await;
    let (all, some, single) =
        (Receiver::answering([]).await, Receiver::answering([]).await, Receiver::answering([]).await);
    let made = endpoint(&server, &all).await;
    server
        .endpoint(json!({ "name": "some", "url": some.url(), "event_types": ["video.expired", "video.failed"] }))
        .await;
    let mut body = small();
    body["webhook_url"] = json!(single.url());
    let job = server.submit(body).await;
    server.render().await;
    assert_eq!(server.notify().await, 2);
    server.age_timers().await;
    server.expire().await;
    assert_eq!(server.notify().await, 3);
    server.age_timers().await;
    assert_eq!(server.notify().await, 0, "what was delivered is not delivered again");

    assert_eq!(kinds(&all), ["video.completed", "video.expired"]);
    assert_eq!(kinds(&some), ["video.expired"]);
    assert_eq!(kinds(&single), ["video.completed", "video.expired"]);
    let (told, alone) = (&all.messages()[0], &single.messages()[0]);
    assert_eq!(told.json(), alone.json(), "both are told of the same event");
    assert_eq!(told.json()["data"], json!({ "id": job["id"] }));
    assert_ne!(told.header("webhook-id"), alone.header("webhook-id"));
    assert!(told.is_genuine(&secret(&made)) && !told.is_genuine(&server.webhook_secret));
    assert!(alone.is_genuine(&server.webhook_secret));
}

#[tokio::test]
async fn an_account_is_not_told_of_another_one() {
    let server = Server::start().await;
    let receiver = Receiver::answering([]).await;
    endpoint(&server, &receiver).await;
    let stranger = server.stranger().await;
    let submit = server.anonymous(reqwest::Method::POST, "/v1/videos").bearer_auth(&stranger).json(&small());
    let (_, job) = clipmill_tests::server::answer(submit).await;
    let cancel = format!("/v1/videos/{}/cancel", text(&job["id"]));
    clipmill_tests::server::answer(server.anonymous(reqwest::Method::POST, &cancel).bearer_auth(&stranger)).await;
    assert_eq!(server.notify().await, 0);
}

#[tokio::test]
async fn pending_messages_follow_their_endpoint_to_its_new_address() {
    let server = Server::start().await;
    let (old, new) = (Receiver::answering([]).await, Receiver::answering([]).await);
    let made = endpoint(&server, &old).await;
    cancelled(&server).await;
    server.post(&path(&made), json!({ "url": new.url() })).await;
    server.notify().await;
    assert_eq!((old.messages().len(), new.messages().len()), (0, 1));
}

#[tokio::test]
async fn a_rotation_signs_with_both_secrets_until_its_overlap_is_over() {
    let server = Server::start().await;
    let receiver = Receiver::answering([]).await;
    let made = endpoint(&server, &receiver).await;
    let rotate = format!("{}/rotate_secret", path(&made));
    let (_, rotated) = server.post(&rotate, json!({ "keep_old_secret_active_for_24_hours": true })).await;
    let (old, new) = (secret(&made), secret(&rotated));

    let message = told(&server, &receiver).await;
    assert_eq!(message.header("webhook-signature").matches("v1,").count(), 2);
    assert!(message.is_genuine(&old) && message.is_genuine(&new));
    let aged = "update webhook_endpoints set previous_until = now()";
    sqlx::query(aged).execute(&server.pool).await.unwrap();
    let message = told(&server, &receiver).await;
    assert!(!message.is_genuine(&old) && message.is_genuine(&new));

    let (_, rotated) = server.post(&rotate, json!({})).await;
    let message = told(&server, &receiver).await;
    assert!(
        !message.is_genuine(&new) && message.is_genuine(&secret(&rotated)),
        "without an overlap the old one is void at once"
    );
}

/// What the receiver is told of a job that is called off.
async fn told(server: &Server, receiver: &Receiver) -> Message {
    cancelled(server).await;
    server.notify().await;
    receiver.messages().pop().expect("a message")
}

#[tokio::test]
async fn a_service_with_a_key_signs_with_it_too() {
    let server = Server::signing_with("whsk_nWGxne/9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A=").await;
    let receiver = Receiver::answering([]).await;
    let made = endpoint(&server, &receiver).await;
    let message = told(&server, &receiver).await;
    server.post(&format!("{}/test", path(&made)), json!({ "event_type": "video.failed" })).await;
    let (_, keys) = server.get("/v1/webhooks/keys").await;
    let key = BASE64.decode(text(&keys["data"][0]["key"]).strip_prefix("whpk_").unwrap()).unwrap();
    let key = VerifyingKey::from_bytes(key.as_slice().try_into().unwrap()).unwrap();
    for message in [message, receiver.messages().pop().unwrap()] {
        assert!(message.is_genuine(&secret(&made)));
        let header = message.header("webhook-signature").to_owned();
        let [v1, v1a] = header.split(' ').collect::<Vec<_>>().try_into().expect("two signatures");
        assert!(v1.starts_with("v1,"), "a client that knows only v1 finds it first");
        let signature = BASE64.decode(v1a.strip_prefix("v1a,").unwrap()).unwrap();
        let signed = format!("{}.{}.", message.header("webhook-id"), message.header("webhook-timestamp"));
        let signed = [signed.as_bytes(), &message.body].concat();
        key.verify_strict(&signed, &Signature::from_slice(&signature).unwrap()).unwrap();
    }
}
