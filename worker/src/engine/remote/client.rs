//! What is said to a server, and how its answers are read.
//!
//! What an answer holds beyond what is read of it goes nowhere: a server may repeat prompts in it, or the address of a file.

use std::io;
use std::path::Path;
use std::time::Duration;

use clipmill_shared::outbound;
use clipmill_shared::secret::SecretText;
use reqwest::multipart::Form;
use reqwest::{Method, RequestBuilder, Response};
use serde_json::Value;
use tokio::io::AsyncWriteExt as _;

use super::profile::Dialect;
use super::section::{Section, Times};
use super::video::{Failure, State, Video, failure, is_name, is_refusal};
use crate::engine::EngineError;

/// How long a short question may take.
const QUESTION: Duration = Duration::from_secs(10);
/// The most that an answer is read of, a video apart.
const ANSWER_MAX_BYTES: usize = 1024 * 1024;
/// The largest video that is taken.
const VIDEO_MAX_BYTES: u64 = 4 << 30;

/// A server.
#[derive(Debug)]
pub(super) struct Client {
    http: reqwest::Client,
    url: String,
    key: Option<SecretText>,
    dialect: &'static Dialect,
    time: Times,
}

impl Client {
    /// The server of a section.
    ///
    /// # Errors
    /// There is no HTTP client.
    pub(super) fn new(section: &Section, key: Option<SecretText>) -> reqwest::Result<Self> {
        Ok(Self {
            http: outbound::trusted(QUESTION)?,
            url: section.url.trim_end_matches('/').to_owned(),
            key,
            dialect: section.profile.dialect(),
            time: section.time,
        })
    }

    fn request(&self, method: Method, path: &str) -> RequestBuilder {
        let request = self.http.request(method, format!("{}{path}", self.url));
        match &self.key {
            Some(key) => request.bearer_auth(key.reveal()),
            None => request,
        }
    }

    fn video(&self, method: Method, id: &str, below: &str) -> RequestBuilder {
        self.request(method, &format!("/v1/videos/{id}{below}"))
    }

    /// Whether it is ready for a request.
    pub(super) async fn is_warm(&self) -> bool {
        let answer = self.request(Method::GET, self.dialect.health).send().await;
        answer.is_ok_and(|answer| answer.status().is_success())
    }

    /// The models that it says it serves; none if it does not say.
    pub(super) async fn models(&self) -> Vec<String> {
        let Ok(answer) = self.request(Method::GET, "/v1/models").send().await else { return Vec::new() };
        let list: Value = serde_json::from_slice(&read(answer).await.unwrap_or_default()).unwrap_or_default();
        let models = list["data"].as_array().into_iter().flatten();
        models.filter_map(|model| model["id"].as_str().map(str::to_owned)).collect()
    }

    /// Asks for a video. Gives the render's name.
    pub(super) async fn submit(&self, form: Form) -> Result<String, EngineError> {
        let request = self.request(Method::POST, "/v1/videos").multipart(form);
        let answer =
            request.timeout(Duration::from_secs(self.time.submit_seconds)).send().await.map_err(|error| match error
                .is_connect()
            {
                true => EngineError::Unavailable(said(error)),
                false => EngineError::Transient(said(error)),
            })?;
        let code = answer.status().as_u16();
        let body = read(answer).await.map_err(EngineError::Transient)?;
        match Video::parse(&body) {
            Some(video) => match video.state() {
                State::Failed(failure) => Err(failure.error()),
                _ if is_name(&video.id) => Ok(video.id),
                _ => Err(EngineError::Transient("the model server gave a render no usable name".to_owned())),
            },
            None => Err(refusal(code, &body)),
        }
    }

    /// How a render stands.
    ///
    /// # Errors
    /// It does not say.
    pub(super) async fn ask(&self, id: &str) -> Result<State, String> {
        let answer = self.video(Method::GET, id, "").send().await.map_err(said)?;
        let code = answer.status().as_u16();
        match (Video::parse(&read(answer).await?), code) {
            (Some(video), _) => Ok(video.state()),
            (None, 404) => Ok(State::Gone),
            (None, code) => Err(format!("it answers with {code}")),
        }
    }

    /// Has the server forget a render, and end it if it can. Says whether that is done.
    ///
    /// # Errors
    /// It does not say.
    pub(super) async fn delete(&self, id: &str) -> Result<bool, String> {
        match self.video(Method::DELETE, id, "").send().await.map_err(said)?.status().as_u16() {
            200..=299 | 404 => Ok(true),
            409 => Ok(false),
            code => Err(format!("it answers with {code}")),
        }
    }

    /// Fetches a video into a file.
    ///
    /// # Errors
    /// `Transient` when the server does not hand it over, `Unavailable` when the file cannot be written.
    pub(super) async fn download(&self, id: &str, file: &Path) -> Result<(), EngineError> {
        let time = Duration::from_secs(self.time.download_seconds);
        let sent = self.video(Method::GET, id, "/content").timeout(time).send().await;
        let mut answer = sent.map_err(|error| EngineError::Transient(said(error)))?;
        if !answer.status().is_success() {
            let code = answer.status().as_u16();
            return Err(EngineError::Transient(format!("the model server does not hand its video over, but {code}")));
        }
        let disk = |error: io::Error| EngineError::Unavailable(format!("a video cannot be written: {error}"));
        let mut file = tokio::fs::File::create(file).await.map_err(disk)?;
        let mut length = 0;
        while let Some(chunk) = answer.chunk().await.map_err(|error| EngineError::Transient(said(error)))? {
            length += chunk.len() as u64;
            if length > VIDEO_MAX_BYTES {
                return Err(EngineError::Transient(format!("the video has more than {VIDEO_MAX_BYTES} bytes")));
            }
            file.write_all(&chunk).await.map_err(disk)?;
        }
        file.flush().await.map_err(disk)
    }

    /// What it measures itself, in the text form of Prometheus; nothing if it does not say.
    pub(super) async fn metrics(&self) -> String {
        const PATIENCE: Duration = Duration::from_secs(1);
        let Ok(answer) = self.request(Method::GET, "/metrics").timeout(PATIENCE).send().await else {
            return String::new();
        };
        let is_ok = answer.status().is_success();
        let text = read(answer).await.ok().filter(|_| is_ok).and_then(|body| String::from_utf8(body).ok());
        text.unwrap_or_default()
    }
}

/// What an answer to a request means that is no video.
fn refusal(code: u16, body: &[u8]) -> EngineError {
    let answer: Value = serde_json::from_slice(body).unwrap_or_default();
    match (failure(&answer["error"]), code) {
        (Failure::Moderated, _) => Failure::Moderated.error(),
        (_, code) if is_refusal(code.into()) => Failure::Refused.error(),
        // It is not ready, not for us, or not what it was taken for: no fault of the job.
        (_, 401 | 403 | 404 | 405 | 409 | 429 | 503) => {
            EngineError::Unavailable(format!("the model server answers a request with {code}"))
        }
        _ => EngineError::Transient(format!("the model server answers a request with {code}")),
    }
}

/// The body of an answer, within a limit.
async fn read(mut answer: Response) -> Result<Vec<u8>, String> {
    let mut body = Vec::new();
    while let Some(chunk) = answer.chunk().await.map_err(said)? {
        if body.len() + chunk.len() > ANSWER_MAX_BYTES {
            return Err(format!("its answer has more than {ANSWER_MAX_BYTES} bytes"));
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body)
}

/// What went wrong on the way, without the address.
fn said(error: reqwest::Error) -> String {
    format!("{:#}", anyhow::Error::new(error.without_url()))
}
