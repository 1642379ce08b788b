//! A customer's endpoint that remembers what it was told and answers as it was told to.

use std::collections::VecDeque;
use std::net::IpAddr;
use std::sync::{Arc, Mutex};

use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::{Json, Router};
use clipmill_shared::secret::WebhookSecret;
use clipmill_shared::webhooks::sign;
use serde_json::{Value, json};
use tokio::net::TcpListener;

/// One message that arrived.
#[derive(Debug, Clone)]
pub struct Message {
    /// Its headers.
    pub headers: HeaderMap,
    /// Its body, to the byte.
    pub body: Bytes,
}

/// An endpoint, on loopback unless it is told otherwise.
pub struct Receiver {
    url: String,
    state: Arc<Inner>,
}

#[derive(Default)]
struct Inner {
    messages: Mutex<Vec<Message>>,
    challenges: Mutex<Vec<Message>>,
    answers: Mutex<VecDeque<StatusCode>>,
    says: String,
}

impl Receiver {
    /// An endpoint that answers with these, one after the other, and with 204 from then on.
    pub async fn answering(answers: impl IntoIterator<Item = u16>) -> Self {
        Self::saying("", answers).await
    }

    /// As [`Receiver::answering`], and says this with each of the given answers.
    pub async fn saying(says: impl Into<String>, answers: impl IntoIterator<Item = u16>) -> Self {
        let answers = answers.into_iter().map(|code| StatusCode::from_u16(code).expect("a status")).collect();
        let inner = Inner { answers: Mutex::new(answers), says: says.into(), ..Inner::default() };
        Self::start(IpAddr::from([127, 0, 0, 1]), inner).await
    }

    /// An endpoint at another address than loopback, which answers with 204.
    pub async fn at(address: IpAddr) -> Self {
        Self::start(address, Inner::default()).await
    }

    async fn start(address: IpAddr, state: Inner) -> Self {
        let state = Arc::new(state);
        let listener = TcpListener::bind((address, 0)).await.expect("a port");
        let url = format!("http://{}/hook", listener.local_addr().expect("its address"));
        let router = Router::new().fallback(receive).with_state(state.clone());
        tokio::spawn(async move { axum::serve(listener, router).await });
        Self { url, state }
    }

    /// Where to tell it.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// What it was told so far.
    pub fn messages(&self) -> Vec<Message> {
        self.state.messages.lock().expect("the lock").clone()
    }

    /// The challenges that it returned so far.
    pub fn challenges(&self) -> Vec<Message> {
        self.state.challenges.lock().expect("the lock").clone()
    }
}

/// A challenge comes back as it is, in the manner of MiniMax's callbacks.
async fn receive(State(state): State<Arc<Inner>>, headers: HeaderMap, body: Bytes) -> Response {
    let message = Message { headers, body };
    if let Some(challenge) = message.challenge() {
        state.challenges.lock().expect("the lock").push(message);
        return Json(json!({ "challenge": challenge })).into_response();
    }
    state.messages.lock().expect("the lock").push(message);
    let answer = state.answers.lock().expect("the lock").pop_front();
    match answer {
        Some(status) if status.is_redirection() => (status, [(header::LOCATION, "/elsewhere")]).into_response(),
        Some(status) => (status, state.says.clone()).into_response(),
        None => StatusCode::NO_CONTENT.into_response(),
    }
}

impl Message {
    fn challenge(&self) -> Option<Value> {
        serde_json::from_slice::<Value>(&self.body).ok()?.get("challenge").cloned()
    }

    /// A header as text.
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_else(|| panic!("no header {name}"))
    }

    /// The body as JSON.
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).expect("a JSON body")
    }

    /// Whether its signature is good.
    pub fn is_genuine(&self, secret: &WebhookSecret) -> bool {
        let timestamp = self.header("webhook-timestamp").parse().expect("a timestamp");
        sign::verifies(secret, self.header("webhook-id"), timestamp, &self.body, self.header("webhook-signature"))
    }
}
