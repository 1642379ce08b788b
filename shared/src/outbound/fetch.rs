//! Fetching what is at an address: a few redirects, each checked as the first address was, and one limit of time and of size for all.

use std::time::Instant;

use bytes::Bytes;
use reqwest::header::LOCATION;
use reqwest::{Response, StatusCode};
use url::Url;

use super::{Outbound, Refused};

/// Redirects that are followed.
const REDIRECTS_MAX: usize = 3;

/// Why nothing was fetched.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FetchError {
    /// The address is not called.
    #[error(transparent)]
    Refused(#[from] Refused),
    /// A redirect is not followed.
    #[error(
        "must not redirect more than {REDIRECTS_MAX} times, from https to http, or to an address that is not allowed itself"
    )]
    Redirect,
    /// Nobody answers in time, with success.
    #[error("must be an address from which the image can be fetched")]
    Unreachable,
    /// There is more than may be fetched: so many bytes.
    #[error("must have at most {} MB", .0 >> 20)]
    TooLarge(usize),
}

impl Outbound {
    /// What is at `url`, of at most `max_bytes`. All of it, redirects included, has to be there in the client's time.
    pub async fn fetch(&self, url: &str, max_bytes: usize) -> Result<Bytes, FetchError> {
        let until = Instant::now() + self.timeout;
        let mut url = self.check(url)?;
        for _ in 0..=REDIRECTS_MAX {
            let left = until.saturating_duration_since(Instant::now());
            let answer = self.client.get(url.clone()).timeout(left).send().await;
            let response = answer.map_err(|_| FetchError::Unreachable)?;
            match location(&response) {
                Some(location) => url = self.follow(&url, location)?,
                None => return read(response, max_bytes).await,
            }
        }
        Err(FetchError::Redirect)
    }

    /// Where a redirect leads, if that may be called and is no less safe to talk to.
    pub(super) fn follow(&self, from: &Url, location: &str) -> Result<Url, FetchError> {
        let to = from.join(location).map_err(|_| FetchError::Redirect)?;
        let to = self.check(to.as_str()).map_err(|_| FetchError::Redirect)?;
        let is_downgrade = from.scheme() == "https" && to.scheme() == "http";
        if is_downgrade { Err(FetchError::Redirect) } else { Ok(to) }
    }
}

fn location(response: &Response) -> Option<&str> {
    let redirects = matches!(
        response.status(),
        StatusCode::MOVED_PERMANENTLY
            | StatusCode::FOUND
            | StatusCode::SEE_OTHER
            | StatusCode::TEMPORARY_REDIRECT
            | StatusCode::PERMANENT_REDIRECT
    );
    redirects.then(|| response.headers().get(LOCATION)?.to_str().ok()).flatten()
}

async fn read(mut response: Response, max_bytes: usize) -> Result<Bytes, FetchError> {
    if !response.status().is_success() {
        return Err(FetchError::Unreachable);
    }
    if response.content_length().is_some_and(|length| length > max_bytes as u64) {
        return Err(FetchError::TooLarge(max_bytes));
    }
    let mut bytes = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(|_| FetchError::Unreachable)? {
        if bytes.len() + chunk.len() > max_bytes {
            return Err(FetchError::TooLarge(max_bytes));
        }
        bytes.extend_from_slice(&chunk);
    }
    Ok(bytes.into())
}
