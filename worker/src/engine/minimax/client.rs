//! Questions to MiniMax and their answers. No error names what was asked or says what was answered, but for codes.

use std::io::Write as _;
use std::path::Path;
use std::time::Duration;

use anyhow::Context as _;
use clipmill_shared::endpoint::Silence;
use clipmill_shared::outbound;
use clipmill_shared::secret::SecretText;
use reqwest::{Method, RequestBuilder, Response};
use serde_json::Value;
use tempfile::NamedTempFile;

use super::refusal::Refusal;
use crate::engine::EngineError;

/// The longest answer that is read.
const ANSWER_MAX_BYTES: usize = 1 << 20;
/// The longest video that is fetched; none that is longer is decoded.
const FILM_MAX_BYTES: u64 = 1 << 30;

/// What speaks to MiniMax.
pub(super) struct Client {
    http: reqwest::Client,
    url: String,
    key: SecretText,
}

/// What MiniMax said.
pub(super) struct Answer {
    status: u16,
    /// Null if it was no JSON.
    pub(super) body: Value,
}

/// Why there is no good answer.
#[derive(Debug, Clone, Copy)]
pub(super) enum Trouble {
    /// There is none.
    Silent(Silence),
    /// It refuses.
    Refused(Refusal),
}

impl Client {
    /// A client of the API at `url` that shows this key and gives each question so long.
    pub(super) fn new(url: &str, key: SecretText, patience: Duration) -> anyhow::Result<Self> {
        let http = outbound::trusted(patience).context("cannot make an HTTP client")?;
        Ok(Self { http, url: url.trim_end_matches('/').to_owned(), key })
    }

    /// Sends JSON to a path.
    pub(super) async fn post(&self, path: &str, body: &Value) -> Result<Answer, Trouble> {
        self.ask(self.request(Method::POST, path).json(body)).await
    }

    /// Reads a path that names something by its id.
    pub(super) async fn get(&self, path: &str, id: &str) -> Result<Answer, Trouble> {
        self.ask(self.request(Method::GET, &path.replace("{}", id))).await
    }

    /// Deletes what a path names by its id, and gives that so long.
    pub(super) async fn delete(&self, path: &str, id: &str, patience: Duration) -> Result<Answer, Trouble> {
        self.ask(self.request(Method::DELETE, &path.replace("{}", id)).timeout(patience)).await
    }

    fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.http.request(method, format!("{}{path}", self.url))
    }

    async fn ask(&self, request: RequestBuilder) -> Result<Answer, Trouble> {
        let mut response = request.bearer_auth(self.key.reveal()).send().await.map_err(silent)?;
        let status = response.status().as_u16();
        let mut bytes = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(silent)? {
            if bytes.len() + chunk.len() > ANSWER_MAX_BYTES {
                return Err(Trouble::Silent(Silence::Unreadable));
            }
            bytes.extend_from_slice(&chunk);
        }
        Ok(Answer { status, body: serde_json::from_slice(&bytes).unwrap_or_default() })
    }

    /// Fetches a video into a file in `folder`. The key is not shown: the link says enough.
    pub(super) async fn fetch(
        &self,
        link: &str,
        folder: Option<&Path>,
        patience: Duration,
    ) -> Result<NamedTempFile, EngineError> {
        let link = outbound::parse(link).ok().filter(|link| link.scheme() == "https" || self.url.starts_with("http:"));
        let link =
            link.ok_or_else(|| EngineError::Transient("MiniMax gave no link that can be followed".to_owned()))?;
        let response = self.http.get(link).timeout(patience).send().await.map_err(silent)?;
        if !response.status().is_success() {
            return Err(Trouble::Silent(Silence::Refused(response.status().as_u16())).into());
        }
        let file = match folder {
            Some(folder) => NamedTempFile::new_in(folder),
            None => NamedTempFile::new(),
        };
        write(response, file.map_err(no_room)?).await
    }
}

/// Writes a video down as it comes.
async fn write(mut response: Response, mut file: NamedTempFile) -> Result<NamedTempFile, EngineError> {
    let mut length = 0;
    while let Some(chunk) = response.chunk().await.map_err(silent)? {
        length += chunk.len() as u64;
        if length > FILM_MAX_BYTES {
            return Err(EngineError::Transient(format!("its video has more than {FILM_MAX_BYTES} bytes")));
        }
        file.write_all(&chunk).map_err(no_room)?;
    }
    file.flush().map_err(no_room)?;
    Ok(file)
}

fn silent(error: reqwest::Error) -> Trouble {
    Trouble::Silent(if error.is_timeout() { Silence::Late } else { Silence::Unreachable })
}

fn no_room(error: std::io::Error) -> EngineError {
    EngineError::Unavailable(format!("its video cannot be written down: {error}"))
}

impl Answer {
    /// The answer, if it refuses nothing.
    pub(super) fn accepted(self) -> Result<Value, Trouble> {
        match self.refusal() {
            None => Ok(self.body),
            Some(refusal) => Err(Trouble::Refused(refusal)),
        }
    }

    /// What it refuses.
    pub(super) fn refusal(&self) -> Option<Refusal> {
        Refusal::in_answer(self.status, &self.body)
    }
}

impl Trouble {
    /// An answer in another form than those that are known.
    pub(super) fn unreadable() -> Self {
        Self::Silent(Silence::Unreadable)
    }
}

impl From<Trouble> for EngineError {
    fn from(trouble: Trouble) -> Self {
        match trouble {
            Trouble::Silent(silence) => Self::Transient(format!("MiniMax does not answer well: {silence}")),
            Trouble::Refused(refusal) => refusal.into(),
        }
    }
}
