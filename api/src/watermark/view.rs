//! A visible mark as clients send and see it.

use clipmill_shared::jobs::watermark::{Content, Position, Watermark};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// A visible mark.
#[derive(Debug, Serialize, ToSchema)]
#[schema(title = "Watermark")]
pub(crate) struct WatermarkView {
    /// Its words; null where it is a picture
    #[schema(example = "AI-generated")]
    text: Option<String>,
    /// Whether it is a picture
    image: bool,
    /// `top_left`, `top_right`, `bottom_left`, `bottom_right` or `center`
    #[schema(value_type = String, example = "bottom_right")]
    position: Position,
    /// How strongly it shows: 1 hides what is behind it
    #[schema(example = 0.7)]
    opacity: f64,
}

impl From<Watermark> for WatermarkView {
    fn from(mark: Watermark) -> Self {
        let Watermark { content, position, opacity } = mark;
        let (text, image) = match content {
            Content::Text(text) => (Some(text), false),
            Content::Image(_) => (None, true),
        };
        Self { text, image, position, opacity }
    }
}

/// Whether a video shall carry a visible mark, or in what that shall differ from the account's own.
#[derive(Deserialize, ToSchema)]
#[serde(untagged)]
#[expect(dead_code, reason = "describes the body for readers; `Form` reads it")]
pub(crate) enum WatermarkBody {
    /// Whether it shall
    Wanted(bool),
    /// In what it shall differ
    Asked(AskedBody),
}

/// In what the mark of a video shall differ from the account's own, or else from the service's.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "describes the body for readers; `Form` reads it")]
pub(crate) struct AskedBody {
    /// Other words, in 1 to 60 characters
    #[schema(min_length = 1, max_length = 60, example = "AI-generated")]
    text: Option<String>,
    /// `top_left`, `top_right`, `bottom_left`, `bottom_right` or `center`
    #[schema(pattern = "^(top_left|top_right|bottom_left|bottom_right|center)$", example = "bottom_right")]
    position: Option<String>,
    /// How strongly it shows: 1 hides what is behind it; at least 0.3 where a mark is required
    #[schema(minimum = 0.1, maximum = 1.0, example = 0.7)]
    opacity: Option<f64>,
}

/// The visible mark of an account: either a text or an image.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "describes the body for readers; `Form` reads it")]
pub(crate) struct AccountWatermarkBody {
    /// Its words, in 1 to 60 characters
    #[schema(min_length = 1, max_length = 60, example = "AI-generated")]
    text: Option<String>,
    /// A PNG of at most 256 KiB with sides of 16 to 1024 pixels, as a data URL in base64
    #[schema(max_length = 349_600, example = "data:image/png;base64,iVBORw0KGgo=")]
    image: Option<String>,
    /// `top_left`, `top_right`, `bottom_left`, `bottom_right` (if left out) or `center`
    #[schema(pattern = "^(top_left|top_right|bottom_left|bottom_right|center)$", example = "bottom_right")]
    position: Option<String>,
    /// How strongly it shows, 0.7 if left out: 1 hides what is behind it
    #[schema(minimum = 0.1, maximum = 1.0, example = 0.7)]
    opacity: Option<f64>,
}
