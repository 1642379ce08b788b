//! The handshake with a `callback_url`: whoever answers there has to show that it reads what it is sent.

use std::time::Duration;

use axum::http::Method;
use clipmill_shared::outbound::Outbound;
use rand::RngExt as _;
use rand::distr::Alphanumeric;
use serde::Deserialize;
use serde_json::json;

use crate::problem::Problem;

/// How long the answer may take.
const PATIENCE: Duration = Duration::from_secs(3);
/// The longest answer that is read.
const ANSWER_MAX_BYTES: usize = 64 * 1024;
const CHALLENGE_CHARS: usize = 32;
const ALLOWED: &str = "must answer a POST of {\"challenge\": \"…\"} with the same challenge in JSON within 3 seconds, without \
    redirects";

/// Sends a challenge, which has to come back within three seconds.
pub(super) async fn shake_hands(outbound: &Outbound, url: &str) -> Result<(), Problem> {
    let challenge: String = rand::rng().sample_iter(Alphanumeric).take(CHALLENGE_CHARS).map(char::from).collect();
    let request = outbound
        .request(Method::POST, url)
        .map_err(|refused| Problem::invalid("callback_url", &refused.to_string()))?;
    let request = request.json(&json!({ "challenge": challenge })).timeout(PATIENCE);
    let echo = async {
        let mut response = request.send().await.ok().filter(|response| response.status().is_success())?;
        let mut bytes = Vec::new();
        while let Some(chunk) = response.chunk().await.ok()? {
            if bytes.len() + chunk.len() > ANSWER_MAX_BYTES {
                return None;
            }
            bytes.extend_from_slice(&chunk);
        }
        serde_json::from_slice::<Echo>(&bytes).ok()
    };
    match echo.await {
        Some(echo) if echo.challenge == challenge => Ok(()),
        _ => Err(Problem::invalid("callback_url", ALLOWED)),
    }
}

#[derive(Deserialize)]
struct Echo {
    challenge: String,
}
