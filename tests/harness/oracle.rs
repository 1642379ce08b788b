//! A model behind HTTP in the manner of OpenAI's API, chat or moderation, that answers as it was told to and remembers what it
//! was asked.

use std::convert::Infallible;
use std::sync::{Arc, Mutex};

use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse as _, Response};
use axum::{Json, Router};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use url::Url;

/// What it says to a question.
#[derive(Debug, Clone)]
pub enum Say {
    /// This, in JSON.
    Json(Value),
    /// Text that is no JSON.
    Text(&'static str),
    /// Nothing but an HTTP status.
    Status(u16),
    /// Nothing at all, for as long as it is asked.
    Nothing,
    /// More than anybody would read.
    Endless,
}

/// What a chat model says.
pub fn chat(text: &str) -> Say {
    Say::Json(json!({ "choices": [{ "message": { "role": "assistant", "content": text } }] }))
}

/// What a moderation model says.
pub fn flagged(flagged: bool) -> Say {
    Say::Json(json!({ "id": "modr-1", "results": [{ "flagged": flagged, "categories": {} }] }))
}

/// A question that arrived.
#[derive(Debug, Clone)]
pub struct Question {
    /// Its headers.
    pub headers: HeaderMap,
    /// Its body.
    pub body: Value,
}

type Answers = dyn Fn(&Value) -> Say + Send + Sync;

/// A model on loopback.
pub struct Oracle {
    url: Url,
    state: Arc<Inner>,
}

struct Inner {
    questions: Mutex<Vec<Question>>,
    answers: Box<Answers>,
}

impl Oracle {
    /// A model that gives these answers.
    pub async fn answering(answers: impl Fn(&Value) -> Say + Send + Sync + 'static) -> Self {
        let state = Arc::new(Inner { questions: Mutex::default(), answers: Box::new(answers) });
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let url = format!("http://{}/v1/model", listener.local_addr().expect("its address"));
        let router = Router::new().fallback(answer).with_state(state.clone());
        tokio::spawn(async move { axum::serve(listener, router).await });
        Self { url: url.parse().expect("a URL"), state }
    }

    /// A model that always says this.
    pub async fn saying(say: Say) -> Self {
        Self::answering(move |_| say.clone()).await
    }

    /// Where to ask it.
    pub fn url(&self) -> Url {
        self.url.clone()
    }

    /// What it was asked so far.
    pub fn questions(&self) -> Vec<Question> {
        self.state.questions.lock().expect("the lock").clone()
    }
}

async fn answer(State(state): State<Arc<Inner>>, headers: HeaderMap, body: Bytes) -> Response {
    let body: Value = serde_json::from_slice(&body).expect("a question in JSON");
    let say = (state.answers)(&body);
    state.questions.lock().expect("the lock").push(Question { headers, body });
    match say {
        Say::Json(value) => Json(value).into_response(),
        Say::Text(text) => text.into_response(),
        Say::Status(status) => StatusCode::from_u16(status).expect("a status").into_response(),
        Say::Nothing => std::future::pending().await,
        Say::Endless => {
            let chunks = futures::stream::repeat_with(|| Ok::<_, Infallible>(Bytes::from_static(&[b' '; 4096])));
            Body::from_stream(chunks).into_response()
        }
    }
}
