//! Webhook endpoints: who is told, what becomes of those that fail, and what can be seen and sent again afterwards.

use clipmill_shared::secret::WebhookSecret;
use clipmill_tests::server::text;
use clipmill_tests::{Receiver, Server};
use serde_json::{Value, json};

mod health;
mod log;
mod replay;
mod tell;

/// An endpoint that takes every kind of event.
async fn endpoint(server: &Server, receiver: &Receiver) -> Value {
    server.endpoint(json!({ "name": "all", "url": receiver.url() })).await
}

fn path(endpoint: &Value) -> String {
    format!("/v1/webhook_endpoints/{}", text(&endpoint["id"]))
}

fn secret(endpoint: &Value) -> WebhookSecret {
    WebhookSecret::parse(text(&endpoint["signing_secret"])).unwrap()
}

/// The kinds of events that a receiver was told of, in their order.
fn kinds(receiver: &Receiver) -> Vec<String> {
    receiver.messages().iter().map(|message| text(&message.json()["type"]).to_owned()).collect()
}

/// Calls a new job off, which is an event.
async fn cancelled(server: &Server) -> Value {
    let job = server.submit_small().await;
    let (_, job) = server.post(&format!("/v1/videos/{}/cancel", text(&job["id"])), Value::Null).await;
    job
}

/// How an endpoint stands: its status, and the reason if it is disabled.
async fn state(server: &Server, endpoint: &Value) -> (Value, Value) {
    let (_, endpoint) = server.get(&path(endpoint)).await;
    (endpoint["status"].clone(), endpoint["disabled_reason"].clone())
}

/// The deliveries to an endpoint, the newest first.
async fn log(server: &Server, endpoint: &Value) -> Vec<Value> {
    let (_, page) = server.get(&format!("{}/deliveries", path(endpoint))).await;
    page["data"].as_array().unwrap().clone()
}
