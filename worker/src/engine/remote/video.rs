//! The object that tells of a render, and what follows from it. The object counts, not the code of the answer: a server may
//! tell of a failed render with a 500.

use serde::Deserialize;
use serde_json::Value;

use crate::engine::EngineError;

/// How a render stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum State {
    /// It waits or runs, so many hundredths of it are done.
    Running(u32),
    /// The video can be fetched.
    Done,
    /// There will be none.
    Failed(Failure),
    /// The server does not know it: it has been started anew, or was told to forget it.
    Gone,
}

/// Whose fault it is that there is no video.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Failure {
    /// What the request shows is not allowed there.
    Moderated,
    /// The request is not one that it can render.
    Refused,
    /// Something else.
    Other,
}

impl Failure {
    /// In our words. What the server says may hold anything, addresses and prompts too, and goes nowhere.
    pub(super) fn error(self) -> EngineError {
        match self {
            Self::Moderated => EngineError::Rejected("The renderer does not allow what this request shows.".to_owned()),
            Self::Refused => EngineError::Rejected("The renderer cannot make a video of this request.".to_owned()),
            Self::Other => EngineError::Transient("the model server says that the render failed".to_owned()),
        }
    }
}

/// The object, as far as it is read.
#[derive(Debug, Deserialize)]
pub(super) struct Video {
    object: Option<String>,
    /// The render's name.
    #[serde(default)]
    pub(super) id: String,
    #[serde(default)]
    status: String,
    progress: Option<f64>,
    error: Option<Value>,
}

impl Video {
    /// The object in an answer, if it is one.
    pub(super) fn parse(body: &[u8]) -> Option<Self> {
        let video: Self = serde_json::from_slice(body).ok()?;
        (video.object.as_deref() == Some("video")).then_some(video)
    }

    /// How the render stands. A word that is not known means that it goes on.
    pub(super) fn state(&self) -> State {
        match self.status.as_str() {
            "completed" => State::Done,
            "failed" => State::Failed(self.error.as_ref().map_or(Failure::Other, failure)),
            "cancelled" | "deleted" | "expired" => State::Gone,
            _ => State::Running(self.progress.unwrap_or(0.0).clamp(0.0, 99.0) as u32),
        }
    }
}

/// Whose fault an error is, by its code: a word, a number, or a number as a word.
pub(super) fn failure(error: &Value) -> Failure {
    const MODERATED: [&str; 5] =
        ["moderation_blocked", "sentinel_block", "content_policy_violation", "content_filter", "safety_violation"];
    let code = &error["code"];
    if code.as_str().is_some_and(|word| MODERATED.contains(&word)) {
        return Failure::Moderated;
    }
    match code.as_u64().or_else(|| code.as_str()?.parse().ok()) {
        Some(number) if is_refusal(number) => Failure::Refused,
        _ => Failure::Other,
    }
}

/// Whether a code of HTTP says that the request is one that cannot be rendered.
pub(super) fn is_refusal(code: u64) -> bool {
    matches!(code, 400 | 413 | 422)
}

/// Whether a render may have this name: it becomes part of an address.
pub(super) fn is_name(id: &str) -> bool {
    const MAX: usize = 200;
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-');
    !id.is_empty() && id.len() <= MAX && id.bytes().all(is_plain)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn state(text: &str) -> Option<State> {
        Video::parse(text.as_bytes()).map(|video| video.state())
    }

    #[test]
    fn the_object_says_how_a_render_stands() {
        for (text, expected) in [
            (r#"{"object":"video","id":"a","status":"queued"}"#, Some(State::Running(0))),
            (r#"{"object":"video","status":"in_progress","progress":41.7}"#, Some(State::Running(41))),
            (r#"{"object":"video","status":"postprocessing","progress":100}"#, Some(State::Running(99))),
            (r#"{"object":"video","status":"completed"}"#, Some(State::Done)),
            (r#"{"object":"video","status":"deleted"}"#, Some(State::Gone)),
            (r#"{"object":"video.deleted","id":"a","deleted":true}"#, None),
            (r#"{"detail":"Not Found"}"#, None),
            ("<html>", None),
        ] {
            assert_eq!(state(text), expected, "{text}");
        }
    }

    #[test]
    fn a_failure_is_the_customers_only_if_its_code_says_so() {
        for (error, expected) in [
            (r#"{"code":"moderation_blocked","message":"x"}"#, Failure::Moderated),
            (r#"{"code":400,"message":"x"}"#, Failure::Refused),
            (r#"{"code":"422"}"#, Failure::Refused),
            (r#"{"code":500,"message":"CUDA out of memory"}"#, Failure::Other),
            (r#"{"code":404}"#, Failure::Other),
            (r#"{"message":"no code at all"}"#, Failure::Other),
            ("null", Failure::Other),
        ] {
            let text = format!(r#"{{"object":"video","status":"failed","error":{error}}}"#);
            assert_eq!(state(&text), Some(State::Failed(expected)), "{error}");
        }
    }

    #[test]
    fn a_name_that_would_change_an_address_is_none() {
        assert!(is_name("video_gen_0a1b-2"));
        for id in ["", "..", "a/b", "a?b", "a%2f", "ä", &"a".repeat(201)] {
            assert!(!is_name(id), "{id}");
        }
    }
}
