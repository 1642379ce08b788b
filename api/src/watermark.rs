//! Visible marks: what a request says of them, what an account or the service has, and which of them a job gets.

use bytes::Bytes;
use clipmill_shared::accounts::keys::Identity;
use clipmill_shared::accounts::watermark;
use clipmill_shared::jobs::Job;
use clipmill_shared::jobs::watermark::font::FontConfig;
use clipmill_shared::jobs::watermark::{Content, Fonts, Mark, Position, REQUIRED_OPACITY, Watermark, opacity, text};
use serde_json::{Map, Value};
use sha2::{Digest as _, Sha256};

use crate::app::App;
use crate::form::Form;
use crate::limit::SMALL_BODY_MAX_BYTES;
use crate::picture;
use crate::problem::Problem;

pub(crate) mod view;

/// What marks are like where nobody says otherwise.
#[derive(Debug, Clone, clap::Args)]
pub struct WatermarkConfig {
    /// Words of the visible mark of an account that has none of its own, in 1 to 60 characters, such as `AI生成`
    #[arg(
        id = "watermark_text",
        long = "watermark-text",
        value_name = "WATERMARK_TEXT",
        env = "CLIPMILL_WATERMARK_TEXT",
        default_value = "AI-generated"
    )]
    pub text: String,
    /// With what they are written
    #[command(flatten)]
    pub font: FontConfig,
}

/// The service's own mark, and the fonts that texts are judged by.
#[derive(Debug)]
pub(crate) struct Marks {
    own: Watermark,
    fonts: Fonts,
}

impl Marks {
    /// The marks of these settings.
    pub(crate) fn open(config: &WatermarkConfig) -> anyhow::Result<Self> {
        const SETTING: &str = "--watermark-text / CLIPMILL_WATERMARK_TEXT";
        let fonts = Fonts::open(&config.font).map_err(anyhow::Error::msg)?;
        let own = text(SETTING, &config.text, &fonts)?;
        Ok(Self { own: Watermark::of_text(own), fonts })
    }
}

/// What a request says of its video's mark.
#[derive(Debug, Default)]
pub(crate) enum Wanted {
    /// Nothing.
    #[default]
    Unsaid,
    /// None.
    Without,
    /// One, different from the usual in what is given.
    With(Asked),
}

/// In what a mark shall differ from the usual one.
#[derive(Debug, Default)]
pub(crate) struct Asked {
    text: Option<String>,
    position: Option<Position>,
    opacity: Option<f64>,
}

impl Wanted {
    /// What the field `watermark` of a submit says.
    pub(crate) fn read(app: &App, form: &Form) -> Result<Self, Problem> {
        Ok(match said(form)? {
            None => Self::Unsaid,
            Some(Value::Bool(false)) => Self::Without,
            Some(Value::Bool(true)) => Self::With(Asked::default()),
            Some(Value::Object(members)) => {
                known(&members, &["text", "position", "opacity"])?;
                Self::With(Asked::read(app, &members)?)
            }
            Some(_) => {
                let allowed = "must be true, false, or an object with text, position and opacity";
                return Err(Problem::invalid("watermark", allowed));
            }
        })
    }

    /// One as usual, or none said.
    pub(crate) fn plain(wanted: bool) -> Self {
        if wanted { Self::With(Asked::default()) } else { Self::Unsaid }
    }

    /// One like that of an earlier job of the account. Of a picture the account has one, which is the one that it has now.
    pub(crate) fn like(earlier: &Job) -> Self {
        let Some(mark) = &earlier.watermark else { return Self::Unsaid };
        let text = match &mark.content {
            // The words of an old job are gone.
            Content::Text(text) => Some(text.clone()).filter(|text| !text.is_empty()),
            Content::Image(_) => None,
        };
        Self::With(Asked { text, position: Some(mark.position), opacity: Some(mark.opacity) })
    }

    /// The mark that a job of this account gets.
    pub(crate) async fn settle(self, app: &App, identity: Identity) -> Result<Option<Mark>, Problem> {
        let required = identity.watermark_required;
        let asked = match self {
            Self::Without if required => {
                let allowed = "must not be false: every video of this account carries a mark";
                return Err(Problem::invalid("watermark", allowed));
            }
            Self::Unsaid | Self::Without if !required => return Ok(None),
            Self::Unsaid | Self::Without => Asked::default(),
            Self::With(asked) => asked,
        };
        if required {
            asked.judge_required()?;
        }
        let usual = match watermark::find(&app.pool, identity.account).await? {
            Some(mark) => mark,
            None => Mark { watermark: app.marks.own.clone(), image: None },
        };
        Ok(Some(asked.of(usual, required)))
    }
}

impl Asked {
    fn read(app: &App, members: &Map<String, Value>) -> Result<Self, Problem> {
        let words = |value: &Value| match value.as_str() {
            Some(words) => Ok(text("watermark.text", words, &app.marks.fonts)?),
            None => Err(Problem::invalid("watermark.text", "must be a text")),
        };
        let placed = |value: &Value| {
            let position = value.as_str().unwrap_or_default().parse();
            position.map_err(|allowed: String| Problem::invalid("watermark.position", &allowed))
        };
        let shown = |value: &Value| -> Result<f64, Problem> { Ok(opacity("watermark.opacity", number(value))?) };
        Ok(Self {
            text: members.get("text").map(words).transpose()?,
            position: members.get("position").map(placed).transpose()?,
            opacity: members.get("opacity").map(shown).transpose()?,
        })
    }

    /// Where a mark is required, nobody makes it say something else or hardly anything.
    fn judge_required(&self) -> Result<(), Problem> {
        if self.text.is_some() {
            let allowed = "must be left out: every video of this account carries the same mark";
            return Err(Problem::invalid("watermark.text", allowed));
        }
        match self.opacity {
            Some(opacity) if opacity < REQUIRED_OPACITY => {
                let allowed =
                    format!("must be at least {REQUIRED_OPACITY}: every video of this account carries a mark");
                Err(Problem::invalid("watermark.opacity", &allowed))
            }
            _ => Ok(()),
        }
    }

    /// The usual mark with these differences.
    fn of(self, usual: Mark, required: bool) -> Mark {
        let Mark { watermark, image } = usual;
        let (content, image) = match self.text {
            Some(text) => (Content::Text(text), None),
            None => (watermark.content, image),
        };
        let opacity = self.opacity.unwrap_or(watermark.opacity).max(if required { REQUIRED_OPACITY } else { 0.0 });
        Mark { watermark: Watermark { content, position: self.position.unwrap_or(watermark.position), opacity }, image }
    }
}

/// What the field `watermark` of an account says: within, none takes its own mark away.
pub(crate) async fn of_account(app: &App, form: &Form) -> Result<Option<Option<Mark>>, Problem> {
    let members = match said(form)? {
        None if form.is_null("watermark") => return Ok(Some(None)),
        None => return Ok(None),
        Some(Value::Object(members)) => members,
        Some(_) => {
            let allowed = "must be an object with text or image, position and opacity, or null";
            return Err(Problem::invalid("watermark", allowed));
        }
    };
    known(&members, &["text", "image", "position", "opacity"])?;
    let asked = Asked::read(app, &members)?;
    let mark = match (&asked.text, members.get("image")) {
        (Some(text), None) => Mark { watermark: Watermark::of_text(text.clone()), image: None },
        (None, Some(image)) => of_image(picture::mark(app, "watermark.image", image.as_str()).await?),
        _ => return Err(Problem::invalid("watermark", "must have either text or image")),
    };
    Ok(Some(Some(asked.of(mark, false))))
}

fn of_image(image: Bytes) -> Mark {
    let content = Content::Image(hex::encode(Sha256::digest(&image)));
    Mark { watermark: Watermark { content, ..Watermark::of_text("") }, image: Some(image) }
}

/// The field `watermark`, where a text may hold it in JSON. Members that are null are left out.
fn said(form: &Form) -> Result<Option<Value>, Problem> {
    let mut said = match form.value("watermark")? {
        Some(Value::String(text)) if text.len() <= SMALL_BODY_MAX_BYTES => {
            Some(serde_json::from_str(text.trim()).unwrap_or(Value::String(String::new())))
        }
        value => value.cloned(),
    };
    if let Some(Value::Object(members)) = &mut said {
        members.retain(|_, member| !member.is_null());
    }
    Ok(said)
}

fn known(members: &Map<String, Value>, known: &[&str]) -> Result<(), Problem> {
    match members.keys().all(|member| known.contains(&member.as_str())) {
        true => Ok(()),
        false => Err(Problem::invalid("watermark", &format!("must be an object with {}", known.join(", ")))),
    }
}

/// A number, or a text that is one.
fn number(value: &Value) -> Option<f64> {
    value.as_f64().or_else(|| value.as_str()?.trim().parse().ok())
}
