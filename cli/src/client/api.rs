//! The client of a Clipmill server.

use std::fmt;
use std::time::Duration;

use bytes::Bytes;
use reqwest::header::{AUTHORIZATION, HeaderMap, HeaderValue};
use reqwest::multipart::{Form, Part};
use reqwest::{Method, RequestBuilder, Response};
use serde_json::Value;
use url::Url;

use super::error::ClientError;
use super::output::OutputOptions;
use super::video::{Page, Video};

/// How often a request is sent in all while nobody answers. A poll lasts through a restart of the server.
const ATTEMPTS: u32 = 4;
const POLL_ATTEMPTS: u32 = 10;

/// The wait before the second attempt; it doubles from one to the next, up to the longest.
const FIRST_PAUSE: Duration = Duration::from_millis(500);
const LONGEST_PAUSE: Duration = Duration::from_secs(8);

/// Two pictures of the largest size through a slow line.
const UPLOAD_LIMIT: Duration = Duration::from_secs(10 * 60);

/// When the server does not say how long to wait until the next poll, and the least and most that it may say.
const POLL_PAUSE: Duration = Duration::from_secs(1);
const POLL_PAUSES: (Duration, Duration) = (Duration::from_millis(10), Duration::from_secs(60));

/// What a video shall be. What is left out, the server chooses.
#[derive(Clone, Default)]
pub struct Submission {
    /// What it shall show.
    pub prompt: String,
    /// What it shall not show.
    pub negative_prompt: Option<String>,
    /// `fast` or `pro`.
    pub tier: Option<String>,
    /// `WIDTHxHEIGHT`.
    pub size: Option<String>,
    /// Its length.
    pub seconds: Option<u32>,
    /// The same submission with the same seed gives the same video.
    pub seed: Option<u64>,
    /// Which of the account's jobs of the tier goes first: the higher.
    pub priority: Option<i16>,
    /// How long the job may wait and run, in seconds.
    pub timeout_seconds: Option<u32>,
    /// Whom the server tells when the job has ended.
    pub webhook_url: Option<String>,
    /// What the finished file shall be like.
    pub file: OutputOptions,
    /// The picture to start from: a JPEG, PNG or WebP file.
    pub image: Option<Bytes>,
    /// The picture to end on.
    pub last_image: Option<Bytes>,
}

/// A client of one server with one key. Cheap to clone.
#[derive(Clone)]
pub struct Client {
    http: reqwest::Client,
    server: Url,
    authorization: HeaderValue,
    first_pause: Duration,
}

impl Client {
    /// A client of `server` that sends `key` over `http`, which must not keep `Authorization` when a redirect leads
    /// to another origin (none that reqwest follows by itself does).
    ///
    /// # Errors
    /// When the address is not HTTP or the key cannot stand in a header.
    pub fn new(http: reqwest::Client, mut server: Url, key: &str) -> Result<Self, ClientError> {
        if !matches!(server.scheme(), "http" | "https") {
            return Err(ClientError::Address);
        }
        let mut authorization = HeaderValue::from_str(&format!("Bearer {key}")).map_err(|_| ClientError::Key)?;
        authorization.set_sensitive(true);
        // Other clients of this kind of API want the version in the address.
        let plain = server.path().trim_end_matches('/').trim_end_matches("/v1").to_owned();
        server.set_path(&plain);
        Ok(Self { http, server, authorization, first_pause: FIRST_PAUSE })
    }

    /// Submits a job. `idempotency_key` names this submission: repeating it with the same key, as is done here when
    /// no answer comes, makes no second video.
    ///
    /// # Errors
    /// See [`ClientError`]; so for all that follow.
    pub async fn create(&self, submission: &Submission, idempotency_key: &str) -> Result<Video, ClientError> {
        let request = || {
            let request = self.request(Method::POST, &[]).header("idempotency-key", idempotency_key);
            request.timeout(UPLOAD_LIMIT).multipart(form(submission))
        };
        self.read(self.send(ATTEMPTS, request).await?, Video::from_json).await
    }

    /// How a job stands.
    pub async fn get(&self, id: &str) -> Result<Video, ClientError> {
        let response = self.send(ATTEMPTS, || self.request(Method::GET, &[id])).await?;
        self.read(response, Video::from_json).await
    }

    /// Polls a job, as often as the server wishes, until it has ended, and tells `watch` how it stands each time.
    pub async fn wait(&self, id: &str, mut watch: impl FnMut(&Video)) -> Result<Video, ClientError> {
        loop {
            let response = self.send(POLL_ATTEMPTS, || self.request(Method::GET, &[id])).await?;
            let pause = poll_pause(response.headers());
            let video = self.read(response, Video::from_json).await?;
            watch(&video);
            if !video.is_going() {
                return Ok(video);
            }
            tokio::time::sleep(pause).await;
        }
    }

    /// A page of jobs, newest first: at most `limit`, those after the job `after`, those in the state `status`.
    pub async fn list(
        &self,
        limit: Option<u32>,
        after: Option<&str>,
        status: Option<&str>,
    ) -> Result<Page, ClientError> {
        let limit = limit.map(|limit| limit.to_string());
        let query = [("limit", limit.as_deref()), ("after", after), ("status", status)];
        let query: Vec<_> = query.into_iter().filter(|(_, value)| value.is_some()).collect();
        let response = self.send(ATTEMPTS, || self.request(Method::GET, &[]).query(&query)).await?;
        self.read(response, Page::from_json).await
    }

    /// Calls a job off, whether it waits or runs.
    pub async fn cancel(&self, id: &str) -> Result<Video, ClientError> {
        let response = self.send(ATTEMPTS, || self.request(Method::POST, &[id, "cancel"])).await?;
        self.read(response, Video::from_json).await
    }

    /// Deletes a job with all of its files and gives the server's answer. Is sent once: a repetition would be told
    /// that there is no such video.
    pub async fn delete(&self, id: &str) -> Result<Value, ClientError> {
        let response = self.send(1, || self.request(Method::DELETE, &[id])).await?;
        self.read(response, Some).await
    }

    /// Begins to download a finished file; redirects lead to the store.
    pub(super) async fn open(&self, id: &str, variant: &str, limit: Duration) -> Result<Response, ClientError> {
        let request = || self.request(Method::GET, &[id, "content"]).query(&[("variant", variant)]).timeout(limit);
        self.send(ATTEMPTS, request).await
    }

    /// The server's host and port, for messages.
    pub(super) fn server(&self) -> &str {
        self.server.authority()
    }

    /// The fleet, for an operator.
    pub async fn workers(&self) -> Result<Value, ClientError> {
        let response = self.send(ATTEMPTS, || self.request_at(Method::GET, &["v1", "admin", "workers"])).await?;
        self.read(response, Some).await
    }

    /// Says something to the fleet, and gives how it is then.
    pub(super) async fn order(&self, [what, name, order]: &[&str; 3]) -> Result<Value, ClientError> {
        let path = ["v1", "admin", what, name, order];
        let response = self.send(ATTEMPTS, || self.request_at(Method::POST, &path)).await?;
        self.read(response, Some).await
    }

    fn request(&self, method: Method, below_videos: &[&str]) -> RequestBuilder {
        self.request_at(method, &[&["v1", "videos"], below_videos].concat())
    }

    fn request_at(&self, method: Method, segments: &[&str]) -> RequestBuilder {
        let mut url = self.server.clone();
        if let Ok(mut path) = url.path_segments_mut() {
            path.pop_if_empty().extend(segments);
        }
        self.http.request(method, url).header(AUTHORIZATION, self.authorization.clone())
    }

    async fn send(&self, attempts: u32, request: impl Fn() -> RequestBuilder) -> Result<Response, ClientError> {
        let mut attempt = 1;
        loop {
            let failure = match request().send().await {
                Ok(response) if response.status().is_success() => return Ok(response),
                Ok(response) => ClientError::from_response(self.server(), response).await,
                Err(error) => ClientError::unreachable(self.server(), &error),
            };
            if attempt == attempts || !failure.is_passing() {
                return Err(failure);
            }
            tokio::time::sleep((self.first_pause * (1 << (attempt - 1))).min(LONGEST_PAUSE)).await;
            attempt += 1;
        }
    }

    async fn read<T>(&self, response: Response, parse: impl Fn(Value) -> Option<T>) -> Result<T, ClientError> {
        let status = response.status();
        let foreign = || ClientError::Foreign { server: self.server().to_owned(), status };
        let body = response.bytes().await.map_err(|error| ClientError::unreachable(self.server(), &error))?;
        serde_json::from_slice(&body).ok().and_then(parse).ok_or_else(foreign)
    }

    /// The same client without the patience that tests would have to wait out.
    #[cfg(test)]
    pub(super) fn impatient(self) -> Self {
        Self { first_pause: Duration::from_millis(1), ..self }
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Client").field("server", &self.server()).finish_non_exhaustive()
    }
}

fn form(submission: &Submission) -> Form {
    let texts = [
        ("prompt", Some(submission.prompt.clone())),
        ("negative_prompt", submission.negative_prompt.clone()),
        ("model", submission.tier.clone()),
        ("size", submission.size.clone()),
        ("seconds", submission.seconds.map(|seconds| seconds.to_string())),
        ("seed", submission.seed.map(|seed| seed.to_string())),
        ("priority", submission.priority.map(|priority| priority.to_string())),
        ("timeout_seconds", submission.timeout_seconds.map(|seconds| seconds.to_string())),
        ("webhook_url", submission.webhook_url.clone()),
    ];
    let files = [("input_reference", &submission.image), ("last_frame", &submission.last_image)];
    let form = texts.into_iter().chain(submission.file.fields()).fold(Form::new(), |form, (name, text)| match text {
        Some(text) => form.text(name, text),
        None => form,
    });
    files.into_iter().fold(form, |form, (name, file)| match file {
        Some(bytes) => form.part(name, Part::stream_with_length(bytes.clone(), bytes.len() as u64).file_name("image")),
        None => form,
    })
}

fn poll_pause(headers: &HeaderMap) -> Duration {
    let wish = headers.get("openai-poll-after-ms").and_then(|value| value.to_str().ok()?.parse().ok());
    wish.map_or(POLL_PAUSE, |milliseconds| Duration::from_millis(milliseconds).clamp(POLL_PAUSES.0, POLL_PAUSES.1))
}
