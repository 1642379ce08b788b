//! A receiver of webhooks as a customer would write it: check the signature and its age, then believe.

use anyhow::{Context as _, Result};
use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::routing::post;
use chrono::Utc;
use clipmill_shared::secret::WebhookSecret;
use clipmill_shared::webhooks::sign;
use serde_json::Value;
use std::sync::Arc;
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

/// How old a message may be (Standard Webhooks recommends five minutes).
const TOLERANCE_SECONDS: i64 = 300;

/// A receiver on loopback. It ends with this value.
pub(crate) struct Receiver {
    url: String,
    completed: mpsc::UnboundedReceiver<String>,
    seen: Vec<String>,
    server: JoinHandle<()>,
}

struct Hook {
    secret: WebhookSecret,
    completed: mpsc::UnboundedSender<String>,
}

impl Receiver {
    /// Starts a receiver that believes what `secret` signed.
    pub(crate) async fn start(secret: WebhookSecret) -> Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await.context("cannot listen for webhooks")?;
        let url = format!("http://{}/webhook", listener.local_addr()?);
        let (sender, completed) = mpsc::unbounded_channel();
        let router =
            Router::new().route("/webhook", post(receive)).with_state(Arc::new(Hook { secret, completed: sender }));
        let server = tokio::spawn(async move {
            // A receiver that ends shows itself by the webhook that does not arrive.
            let _ = axum::serve(listener, router).await;
        });
        Ok(Self { url, completed, seen: Vec::new(), server })
    }

    /// Where webhooks are to go.
    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    /// Waits until it was told, with a good signature, that this video is completed.
    pub(crate) async fn completed(&mut self, video: &str) -> Result<()> {
        while !self.seen.iter().any(|seen| seen == video) {
            self.seen.push(self.completed.recv().await.context("the receiver of webhooks ended")?);
        }
        Ok(())
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        self.server.abort();
    }
}

async fn receive(State(hook): State<Arc<Hook>>, headers: HeaderMap, body: Bytes) -> StatusCode {
    if !is_genuine(&hook.secret, &headers, &body) {
        return StatusCode::UNAUTHORIZED;
    }
    let Ok(event) = serde_json::from_slice::<Value>(&body) else { return StatusCode::BAD_REQUEST };
    if let (Some("video.completed"), Some(id)) = (event["type"].as_str(), event["data"]["id"].as_str()) {
        // The demo may be over already.
        let _ = hook.completed.send(id.to_owned());
    }
    StatusCode::NO_CONTENT
}

fn is_genuine(secret: &WebhookSecret, headers: &HeaderMap, body: &[u8]) -> bool {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let timestamp = text("webhook-timestamp").parse().unwrap_or(0);
    let is_fresh = (Utc::now().timestamp() - timestamp).abs() <= TOLERANCE_SECONDS;
    is_fresh && sign::verifies(secret, text("webhook-id"), timestamp, body, text("webhook-signature"))
}
