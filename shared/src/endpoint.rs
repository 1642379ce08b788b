//! A model behind HTTP that the operator named, in the manner of OpenAI's API: JSON in, JSON out, a bearer key.

use std::time::Duration;

use reqwest::Client;
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::sync::Semaphore;
use url::Url;

use crate::outbound;
use crate::secret::SecretText;

/// Requests under way at the same time; others wait, within their time-out.
const AT_ONCE: usize = 32;
/// The longest answer that is read.
const ANSWER_MAX_BYTES: usize = 256 * 1024;

/// Where a model answers.
#[derive(Debug)]
pub struct Endpoint {
    client: Client,
    url: Url,
    key: Option<SecretText>,
    patience: Duration,
    turns: Semaphore,
}

/// Why there is no answer. Names nothing of the question.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Silence {
    /// Not within the time that it has.
    #[error("it took too long")]
    Late,
    /// The way there, or the way back, broke.
    #[error("it could not be reached")]
    Unreachable,
    /// It answered with this HTTP status.
    #[error("it answered with HTTP status {0}")]
    Refused(u16),
    /// Its answer has another form.
    #[error("its answer has another form or is too long")]
    Unreadable,
}

impl Endpoint {
    /// An endpoint at this address that has so long to answer.
    pub fn new(url: Url, key: Option<SecretText>, patience: Duration) -> reqwest::Result<Self> {
        Ok(Self { client: outbound::trusted(patience)?, url, key, patience, turns: Semaphore::new(AT_ONCE) })
    }

    /// Posts a question and reads the answer.
    pub async fn ask<Q: Serialize + ?Sized, A: DeserializeOwned>(&self, question: &Q) -> Result<A, Silence> {
        tokio::time::timeout(self.patience, self.exchange(question)).await.unwrap_or(Err(Silence::Late))
    }

    async fn exchange<Q: Serialize + ?Sized, A: DeserializeOwned>(&self, question: &Q) -> Result<A, Silence> {
        let _turn = self.turns.acquire().await.map_err(|_| Silence::Unreachable)?;
        let mut request = self.client.post(self.url.clone()).json(question);
        if let Some(key) = &self.key {
            request = request.bearer_auth(key.reveal());
        }
        let mut response = request.send().await.map_err(silence)?;
        if !response.status().is_success() {
            return Err(Silence::Refused(response.status().as_u16()));
        }
        let mut bytes = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(silence)? {
            if bytes.len() + chunk.len() > ANSWER_MAX_BYTES {
                return Err(Silence::Unreadable);
            }
            bytes.extend_from_slice(&chunk);
        }
        serde_json::from_slice(&bytes).map_err(|_| Silence::Unreadable)
    }
}

fn silence(error: reqwest::Error) -> Silence {
    if error.is_timeout() { Silence::Late } else { Silence::Unreachable }
}
