//! Moderation: whether a prompt may be drawn and a video handed out, by a word list, a model behind HTTP, or both.

use std::path::PathBuf;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::sync::Semaphore;
use tracing::warn;
use url::Url;

use crate::endpoint::{Endpoint, Silence};
use crate::outbound;
use crate::secret::SecretText;

mod words;

use words::Words;

/// Pictures that are on their way at the same time: each takes several times its size in memory.
const PICTURES_AT_ONCE: usize = 4;

/// What may not be drawn, and who says so.
#[derive(Debug, Clone, clap::Args)]
pub struct ModerationConfig {
    /// Moderation endpoint in the manner of OpenAI's, such as https://host/v1/moderations; unset means none
    #[arg(long, env = "CLIPMILL_MODERATION_URL", value_parser = outbound::parse)]
    pub moderation_url: Option<Url>,
    /// Model to ask there
    #[arg(long, env = "CLIPMILL_MODERATION_MODEL", default_value = "omni-moderation-latest")]
    pub moderation_model: String,
    /// Key to show there
    #[arg(long, env = "CLIPMILL_MODERATION_KEY", hide_env_values = true)]
    pub moderation_key: Option<SecretText>,
    /// Seconds that it has to answer
    #[arg(long, env = "CLIPMILL_MODERATION_SECONDS", default_value_t = 10, value_parser = clap::value_parser!(u64).range(1..=60))]
    pub moderation_seconds: u64,
    /// What becomes of a prompt or a video when it does not answer
    #[arg(long, env = "CLIPMILL_MODERATION_ON_FAILURE", value_enum, default_value = "refuse")]
    pub moderation_on_failure: OnFailure,
    /// File of words and phrases that no prompt may hold, one a line; unset means none
    #[arg(long, env = "CLIPMILL_MODERATION_WORDS")]
    pub moderation_words: Option<PathBuf>,
}

/// What becomes of that which nobody could judge.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum OnFailure {
    /// It has to wait until somebody can.
    Refuse,
    /// It passes.
    Accept,
}

/// What moderation says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// It may be drawn, or handed out.
    Accepted,
    /// It may not.
    Flagged,
}

/// Nobody could judge, and so it has to wait.
#[derive(Debug, thiserror::Error)]
#[error("the moderation endpoint did not answer: {0}")]
pub struct Away(#[from] Silence);

/// A picture to be judged.
#[derive(Debug, Clone, Copy)]
pub struct Picture<'a> {
    /// Its media type.
    pub content_type: &'a str,
    /// The file.
    pub bytes: &'a [u8],
}

/// Judges prompts and pictures.
#[derive(Debug, Default)]
pub struct Moderation {
    words: Words,
    model: Option<Model>,
}

#[derive(Debug)]
struct Model {
    endpoint: Endpoint,
    name: String,
    on_failure: OnFailure,
    pictures: Semaphore,
}

#[derive(Deserialize)]
struct Answer {
    results: Vec<Judgement>,
}

#[derive(Deserialize)]
struct Judgement {
    flagged: bool,
}

impl Moderation {
    /// The moderation that is configured; the error names the setting that cannot be used.
    pub fn open(config: &ModerationConfig) -> Result<Self, String> {
        let words = match &config.moderation_words {
            Some(file) => Words::read(file).map_err(|error| {
                format!("--moderation-words / CLIPMILL_MODERATION_WORDS: {}: {error}", file.display())
            })?,
            None => Words::default(),
        };
        let model = config.moderation_url.clone().map(|url| Model::new(url, config)).transpose();
        Ok(Self { words, model: model.map_err(|error| format!("cannot make an HTTP client: {error}"))? })
    }

    /// Whether it looks at pictures at all.
    pub fn sees_pictures(&self) -> bool {
        self.model.is_some()
    }

    /// Judges a text and pictures together: all of it passes, or nothing.
    ///
    /// # Errors
    /// The model did not answer, and what nobody judged is to be refused.
    pub async fn judge(&self, text: Option<&str>, pictures: &[Picture<'_>]) -> Result<Verdict, Away> {
        let verdict = match (text.is_some_and(|text| self.words.occur_in(text)), &self.model) {
            (true, _) => Ok(Verdict::Flagged),
            (false, Some(model)) => model.judge(text, pictures).await,
            (false, None) => return Ok(Verdict::Accepted),
        };
        let said = match verdict {
            Ok(Verdict::Accepted) => "accepted",
            Ok(Verdict::Flagged) => "flagged",
            Err(_) => "unanswered",
        };
        metrics::counter!("clipmill_moderation_total", "verdict" => said).increment(1);
        verdict.or_else(|silence| self.unanswered(silence))
    }

    fn unanswered(&self, silence: Silence) -> Result<Verdict, Away> {
        warn!(error = %silence, "The moderation endpoint did not answer");
        match self.model.as_ref().map(|model| model.on_failure) {
            Some(OnFailure::Accept) => Ok(Verdict::Accepted),
            Some(OnFailure::Refuse) | None => Err(silence.into()),
        }
    }
}

impl Model {
    fn new(url: Url, config: &ModerationConfig) -> Result<Self, reqwest::Error> {
        Ok(Self {
            endpoint: Endpoint::new(
                url,
                config.moderation_key.clone(),
                Duration::from_secs(config.moderation_seconds),
            )?,
            name: config.moderation_model.clone(),
            on_failure: config.moderation_on_failure,
            pictures: Semaphore::new(PICTURES_AT_ONCE),
        })
    }

    /// One request for each picture, since models take one at a time; the text goes with the first.
    async fn judge(&self, text: Option<&str>, pictures: &[Picture<'_>]) -> Result<Verdict, Silence> {
        let Some((first, others)) = pictures.split_first() else { return self.ask(text, None).await };
        let mut verdict = self.ask(text, Some(first)).await?;
        for picture in others {
            if verdict == Verdict::Accepted {
                verdict = self.ask(None, Some(picture)).await?;
            }
        }
        Ok(verdict)
    }

    async fn ask(&self, text: Option<&str>, picture: Option<&Picture<'_>>) -> Result<Verdict, Silence> {
        let turn = if picture.is_some() { Some(self.pictures.acquire().await) } else { None };
        let _turn = turn.transpose().map_err(|_| Silence::Unreachable)?;
        let input: Vec<Value> = text.map(written).into_iter().chain(picture.map(drawn)).collect();
        let answer: Answer = self.endpoint.ask(&json!({ "model": self.name, "input": input })).await?;
        match answer.results.as_slice() {
            [] => Err(Silence::Unreadable),
            results if results.iter().any(|judgement| judgement.flagged) => Ok(Verdict::Flagged),
            _ => Ok(Verdict::Accepted),
        }
    }
}

fn written(text: &str) -> Value {
    json!({ "type": "text", "text": text })
}

fn drawn(picture: &Picture<'_>) -> Value {
    let url = format!("data:{};base64,{}", picture.content_type, BASE64.encode(picture.bytes));
    json!({ "type": "image_url", "image_url": { "url": url } })
}
