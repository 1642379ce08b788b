//! The tiers: one table of what Fast and Pro accept. The API validates by it and shows it.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// What the customer pays for: quick and small, or slow and large.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, sqlx::Type)]
#[serde(rename_all = "snake_case")]
#[sqlx(type_name = "tier", rename_all = "snake_case")]
pub enum Tier {
    /// Up to 768P, kept for a day.
    Fast,
    /// Up to 1080P, kept for a week.
    Pro,
}

/// How long a video of at most this many pixels may be.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct Band {
    /// Largest width times height, in pixels.
    pub max_area_px: u32,
    /// Longest video of that size, in seconds.
    pub max_seconds: u32,
}

/// How long the finished media are kept.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct Retention {
    /// Used when a request names none.
    pub default_seconds: u32,
    /// The shortest that a request may ask for.
    pub min_seconds: u32,
    /// The longest that a request may ask for.
    pub max_seconds: u32,
}

/// What the finished file may be beyond what is drawn for it.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct OutputLimits {
    /// Largest width times height, in pixels.
    pub max_area_px: u32,
    /// Most frames per second.
    pub max_fps: u32,
    /// Most pixels along a side, and most frames, for each one that is drawn.
    pub max_factor: u32,
}

/// All that one tier accepts.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct Limits {
    /// From the smallest area to the largest.
    pub bands: &'static [Band],
    /// Sizes that are worth offering in a menu; any other within the bands is accepted too.
    pub sizes: &'static [&'static str],
    /// Bounds of the frame rate, in frames per second.
    pub fps: (u32, u32),
    /// Retention of the finished media.
    pub retention: Retention,
    /// Bounds of the finished file.
    pub output: OutputLimits,
}

/// Shortest side of a video, in pixels.
pub const MIN_SIDE_PX: u32 = 64;
/// Longest side over shortest side, in tenths.
pub const MAX_ASPECT_TENTHS: u32 = 25;
/// Frames per second when a request names none.
pub const DEFAULT_FPS: u32 = 24;
/// Length of a video when a request names none, in seconds.
pub const DEFAULT_SECONDS: u32 = 4;
/// Size of a video when a request names none and gives no image.
pub const DEFAULT_SIZE: Size = Size { width: 720, height: 1280 };

const HOUR: u32 = 3600;
const DAY: u32 = 24 * HOUR;
const AREA_768P: u32 = 1366 * 768;
const AREA_1080P: u32 = 1920 * 1080;
const AREA_2160P: u32 = 3840 * 2160;

static FAST: Limits = Limits {
    bands: &[Band { max_area_px: AREA_768P, max_seconds: 10 }],
    sizes: &["1366x768", "768x1366", "1280x720", "720x1280", "1024x1024", "1024x768", "768x1024", "854x480", "480x854"],
    fps: (8, 30),
    retention: Retention { default_seconds: DAY, min_seconds: 1, max_seconds: 7 * DAY },
    output: OutputLimits { max_area_px: AREA_1080P, max_fps: 60, max_factor: 4 },
};

static PRO: Limits = Limits {
    bands: &[Band { max_area_px: AREA_768P, max_seconds: 10 }, Band { max_area_px: AREA_1080P, max_seconds: 6 }],
    sizes: &[
        "1920x1080",
        "1080x1920",
        "1792x1024",
        "1024x1792",
        "1366x768",
        "768x1366",
        "1280x720",
        "720x1280",
        "1024x1024",
    ],
    fps: (8, 30),
    retention: Retention { default_seconds: 7 * DAY, min_seconds: 1, max_seconds: 30 * DAY },
    output: OutputLimits { max_area_px: AREA_2160P, max_fps: 60, max_factor: 4 },
};

impl Tier {
    /// Every tier.
    pub const ALL: [Tier; 2] = [Tier::Fast, Tier::Pro];

    /// What this tier accepts.
    pub fn limits(self) -> &'static Limits {
        match self {
            Tier::Fast => &FAST,
            Tier::Pro => &PRO,
        }
    }

    /// The name on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Tier::Fast => "fast",
            Tier::Pro => "pro",
        }
    }
}

impl Limits {
    /// Largest video of the tier, in pixels.
    pub fn max_area_px(&self) -> u32 {
        self.bands.iter().map(|band| band.max_area_px).max().unwrap_or(0)
    }

    /// Longest video of `size`, in seconds; none if the size is too large.
    pub fn max_seconds(&self, size: Size) -> Option<u32> {
        self.bands.iter().filter(|band| size.area_px() <= band.max_area_px).map(|band| band.max_seconds).max()
    }
}

impl fmt::Display for Tier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Tier {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        Self::ALL.into_iter().find(|tier| tier.as_str() == text).ok_or_else(|| "must be one of: fast, pro".to_owned())
    }
}

/// Width and height in pixels, written `1280x720`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct Size {
    /// Width in pixels.
    pub width: u32,
    /// Height in pixels.
    pub height: u32,
}

impl Size {
    /// Number of pixels.
    pub fn area_px(self) -> u32 {
        self.width.saturating_mul(self.height)
    }

    /// Whether both sides are even, long enough, and in an accepted proportion (1:2.5 to 2.5:1).
    pub fn is_well_formed(self) -> bool {
        let (short, long) = (self.width.min(self.height), self.width.max(self.height));
        short >= MIN_SIDE_PX
            && short.is_multiple_of(2)
            && long.is_multiple_of(2)
            && u64::from(long) * 10 <= u64::from(short) * u64::from(MAX_ASPECT_TENTHS)
    }

    /// Whether the proportions are those of `other`, but for the few pixels by which even sides and common sizes miss them.
    pub fn has_shape_of(self, other: Size) -> bool {
        const TOLERANCE: u64 = 50;
        let product = |one: u32, other: u32| u64::from(one) * u64::from(other);
        let (one, two) = (product(self.width, other.height), product(self.height, other.width));
        one.abs_diff(two) * TOLERANCE <= one.max(two)
    }

    /// The size of about the default's area that has the proportion of `image`, as far as that is accepted.
    pub fn following(image: Size) -> Size {
        let limit = f64::from(MAX_ASPECT_TENTHS) / 10.0;
        let aspect = (f64::from(image.width) / f64::from(image.height)).clamp(1.0 / limit, limit);
        let height = (f64::from(DEFAULT_SIZE.area_px()) / aspect).sqrt();
        let even = |side: f64| (side / 2.0).floor() as u32 * 2;
        let size = Size { width: even(height * aspect), height: even(height) };
        if size.is_well_formed() {
            size
        } else {
            Size { width: even(height * aspect) - 2, ..size }.well_formed_or_default()
        }
    }

    fn well_formed_or_default(self) -> Size {
        if self.is_well_formed() { self } else { DEFAULT_SIZE }
    }
}

impl fmt::Display for Size {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}x{}", self.width, self.height)
    }
}

impl From<Size> for String {
    fn from(size: Size) -> Self {
        size.to_string()
    }
}

impl TryFrom<String> for Size {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse().map_err(|()| "a size is WIDTHxHEIGHT in pixels, as in 1280x720")
    }
}

impl FromStr for Size {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let (width, height) = text.split_once('x').ok_or(())?;
        let side = |digits: &str| {
            let plain = !digits.is_empty() && digits.len() <= 5 && digits.bytes().all(|b| b.is_ascii_digit());
            plain.then(|| digits.parse().ok()).flatten().ok_or(())
        };
        Ok(Size { width: side(width)?, height: side(height)? })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_offered_size_is_accepted_by_its_tier() {
        for tier in Tier::ALL {
            for text in tier.limits().sizes {
                let size: Size = text.parse().expect("an offered size has the form of a size");
                assert!(size.is_well_formed(), "{text}");
                assert!(tier.limits().max_seconds(size).is_some(), "{tier} {text}");
            }
        }
    }

    #[test]
    fn large_pro_videos_are_shorter() {
        let limits = Tier::Pro.limits();
        assert_eq!(limits.max_seconds(Size { width: 1366, height: 768 }), Some(10));
        assert_eq!(limits.max_seconds(Size { width: 1920, height: 1080 }), Some(6));
        assert_eq!(limits.max_seconds(Size { width: 1922, height: 1080 }), None);
        assert_eq!(Tier::Fast.limits().max_seconds(Size { width: 1920, height: 1080 }), None);
    }

    #[test]
    fn a_size_follows_its_image() {
        assert_eq!(Size::following(Size { width: 720, height: 1280 }), DEFAULT_SIZE);
        for (width, height) in [(451, 300), (300, 451), (64, 8192), (8192, 64), (1, 1), (5000, 2000), (2000, 5000)] {
            let size = Size::following(Size { width, height });
            assert!(size.is_well_formed(), "{width}x{height} became {size}");
            assert!(size.area_px() <= AREA_768P);
        }
    }

    #[test]
    fn nearly_the_same_proportions_are_the_same_shape() {
        let size = |text: &str| text.parse::<Size>().expect("a size");
        for (one, other) in
            [("1366x768", "1920x1080"), ("600x400", "1174x782"), ("64x64", "8192x8192"), ("1279x720", "1280x720")]
        {
            assert!(size(one).has_shape_of(size(other)) && size(other).has_shape_of(size(one)), "{one} {other}");
        }
        for (one, other) in [("1280x720", "720x1280"), ("1024x768", "1280x720"), ("1000x1000", "1000x1030")] {
            assert!(!size(one).has_shape_of(size(other)) && !size(other).has_shape_of(size(one)), "{one} {other}");
        }
    }

    #[test]
    fn what_is_no_size_is_refused() {
        for text in
            ["", "x", "720", "720x", "x720", "720x-2", "720X1280", "7 20x720", "1e3x720", "+72x720", "99999999x2"]
        {
            assert!(text.parse::<Size>().is_err(), "{text}");
        }
    }
}
