//! A server that remembers what it was asked and answers as the test says: a store that does what the real one here cannot.

use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, State};
use axum::http::{HeaderMap, Method, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use clipmill_shared::storage::StorageConfig;
use tokio::net::TcpListener;

use crate::shared::shared;

/// A request that arrived.
#[derive(Debug, Clone)]
pub struct Asked {
    /// What was to be done.
    pub method: Method,
    /// Where, with the query.
    pub uri: Uri,
    /// What it said about itself.
    pub headers: HeaderMap,
    /// The body as text.
    pub body: String,
}

impl Asked {
    /// A header's text; empty if there is none.
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
    }

    /// Whether the query has a parameter of this name.
    pub fn has(&self, parameter: &str) -> bool {
        let query = self.uri.query().unwrap_or_default();
        query.split('&').any(|pair| pair.split('=').next() == Some(parameter))
    }
}

type Answer = dyn Fn(&Asked) -> (u16, String) + Send + Sync;
type Record = Arc<Mutex<Vec<Asked>>>;

/// A server on loopback. It ends with the test's runtime.
pub struct Recorder {
    address: String,
    asked: Record,
}

impl Recorder {
    /// A server that answers each request with a status and a body of XML.
    pub async fn answering(answer: impl Fn(&Asked) -> (u16, String) + Send + Sync + 'static) -> Self {
        let (asked, answer): (Record, Arc<Answer>) = (Arc::default(), Arc::new(answer));
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("its address").to_string();
        let router =
            Router::new().fallback(record).layer(DefaultBodyLimit::disable()).with_state((asked.clone(), answer));
        tokio::spawn(async move { axum::serve(listener, router).await });
        Self { address, asked }
    }

    /// What it was asked so far.
    pub fn asked(&self) -> Vec<Asked> {
        self.asked.lock().expect("the lock").clone()
    }

    /// How to take it for the store.
    pub async fn storage(&self) -> StorageConfig {
        StorageConfig { endpoint: Some(format!("http://{}", self.address)), ..shared().await.storage() }
    }
}

async fn record(
    State((asked, answer)): State<(Record, Arc<Answer>)>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let request = Asked { method, uri, headers, body: String::from_utf8_lossy(&body).into_owned() };
    let (status, body) = answer(&request);
    asked.lock().expect("the lock").push(request);
    let status = StatusCode::from_u16(status).expect("a status");
    (status, [(header::CONTENT_TYPE, "application/xml")], body).into_response()
}
