//! A visible mark on a video: what it shows, where, and how strongly. It is settled when a job is submitted, so that nobody's later
//! change alters a job that waits.

use std::fmt;
use std::ops::RangeInclusive;
use std::str::FromStr;

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use super::spec::Invalid;

pub mod font;

pub use font::Fonts;

/// The longest text of a mark, in characters.
pub const TEXT_MAX_CHARS: usize = 60;
/// How strongly a mark may show: 1 hides what is behind it.
pub const OPACITIES: RangeInclusive<f64> = 0.1..=1.0;
/// How strongly it shows at least where an operator requires it.
pub const REQUIRED_OPACITY: f64 = 0.3;
/// Largest PNG of a mark, in bytes.
pub const IMAGE_MAX_BYTES: usize = 256 * 1024;
/// Shortest and longest side of that, in pixels.
pub const IMAGE_SIDE_PX: RangeInclusive<u32> = 16..=1024;
/// The name of a job's PNG below its source prefix.
pub const FILE_NAME: &str = "mark.png";

/// A visible mark.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Watermark {
    /// What it shows.
    #[serde(flatten)]
    pub content: Content,
    /// Where it stands.
    pub position: Position,
    /// How strongly it shows, within [`OPACITIES`].
    pub opacity: f64,
}

/// What a mark shows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Content {
    /// Words.
    Text(String),
    /// A PNG, named by the SHA-256 of the file in hexadecimal.
    Image(String),
}

/// Where a mark stands.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Position {
    /// In the corner at the top on the left.
    TopLeft,
    /// In the corner at the top on the right.
    TopRight,
    /// In the corner at the bottom on the left.
    BottomLeft,
    /// In the corner at the bottom on the right.
    #[default]
    BottomRight,
    /// In the middle.
    Center,
}

/// A mark with what it takes to draw it.
#[derive(Debug, Clone, PartialEq)]
pub struct Mark {
    /// The mark.
    pub watermark: Watermark,
    /// Its PNG, if it is one.
    pub image: Option<Bytes>,
}

impl Watermark {
    /// Words in the corner where marks usually stand.
    pub fn of_text(text: impl Into<String>) -> Self {
        const OPACITY: f64 = 0.7;
        Self { content: Content::Text(text.into()), position: Position::default(), opacity: OPACITY }
    }

    /// Whether it is a PNG.
    pub fn is_image(&self) -> bool {
        matches!(self.content, Content::Image(_))
    }
}

/// The text of a mark, if it can be drawn with these fonts.
pub fn text(field: &'static str, text: &str, fonts: &Fonts) -> Result<String, Invalid> {
    let text = text.trim();
    if !(1..=TEXT_MAX_CHARS).contains(&text.chars().count()) || text.chars().any(char::is_control) {
        let allowed = format!("must have 1 to {TEXT_MAX_CHARS} characters on one line, without control characters");
        return Err(Invalid::new(field, allowed));
    }
    if let Some(character) = text.chars().find(|character| fonts.of(*character).is_none()) {
        let code = u32::from(character);
        return Err(Invalid::new(field, format!("must have characters of this service's font: U+{code:04X} is none")));
    }
    if !text.chars().any(|character| fonts.shows(character)) {
        return Err(Invalid::new(field, "must have a character that can be seen"));
    }
    Ok(text.to_owned())
}

/// How strongly a mark shows, if it may.
pub fn opacity(field: &'static str, opacity: Option<f64>) -> Result<f64, Invalid> {
    let (least, most) = (OPACITIES.start(), OPACITIES.end());
    let allowed = || Invalid::new(field, format!("must be a number from {least} to {most}"));
    opacity.filter(|opacity| OPACITIES.contains(opacity)).ok_or_else(allowed)
}

impl Position {
    /// Every position.
    pub const ALL: [Position; 5] =
        [Position::TopLeft, Position::TopRight, Position::BottomLeft, Position::BottomRight, Position::Center];

    /// The name on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Position::TopLeft => "top_left",
            Position::TopRight => "top_right",
            Position::BottomLeft => "bottom_left",
            Position::BottomRight => "bottom_right",
            Position::Center => "center",
        }
    }
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Position {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let found = Self::ALL.into_iter().find(|position| position.as_str() == text);
        found.ok_or_else(|| format!("must be one of: {}", Self::ALL.map(Position::as_str).join(", ")))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_mark_is_written_down_with_what_it_shows_and_read_again() {
        let words = Watermark::of_text("AI");
        let image = Watermark { content: Content::Image("ab12".to_owned()), ..words.clone() };
        for (mark, written) in [
            (words, json!({ "text": "AI", "position": "bottom_right", "opacity": 0.7 })),
            (image, json!({ "image": "ab12", "position": "bottom_right", "opacity": 0.7 })),
        ] {
            assert_eq!(serde_json::to_value(&mark).expect("JSON"), written);
            assert_eq!(serde_json::from_value::<Watermark>(written).expect("a mark"), mark);
        }
    }

    #[test]
    fn every_position_has_its_name() {
        for position in Position::ALL {
            assert_eq!(position.as_str().parse(), Ok(position));
            assert_eq!(serde_json::to_value(position).expect("JSON"), position.as_str());
        }
        assert!("middle".parse::<Position>().is_err());
    }

    #[test]
    fn a_text_is_short_visible_and_within_the_font() {
        let read = |words: &str| text("watermark.text", words, &Fonts::bundled());
        for words in ["AI-generated", "Généré par IA", "Создано ИИ", "AI生成", "人工智能生成", &"W".repeat(60)]
        {
            assert_eq!(read(words).as_deref(), Ok(words));
        }
        assert_eq!(read("  AI  ").as_deref(), Ok("AI"));
        for words in ["", "   ", "a\nb", "a\u{0}b", "\u{7f}", &"W".repeat(61), "\u{a0}", "سلام", "a\u{202e}b", "🦊"]
        {
            assert!(read(words).is_err_and(|refused| refused.field == "watermark.text"), "{words:?}");
        }
    }

    #[test]
    fn an_opacity_is_a_number_within_its_range() {
        for good in [0.1, 0.5, 1.0] {
            assert_eq!(opacity("watermark.opacity", Some(good)), Ok(good));
        }
        for bad in [None, Some(0.0), Some(0.09), Some(1.01), Some(-1.0), Some(f64::NAN), Some(f64::INFINITY)] {
            assert!(opacity("watermark.opacity", bad).is_err(), "{bad:?}");
        }
    }
}
