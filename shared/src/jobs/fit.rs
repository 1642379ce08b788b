//! How an image of another shape comes into a video.

use std::fmt;
use std::str::FromStr;

use serde::Serialize;

use super::spec::Invalid;
use crate::picture::SourceImage;
use crate::tier::Size;

/// What is done with a source image whose proportions are not the video's.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, sqlx::Type)]
#[serde(rename_all = "snake_case")]
#[sqlx(type_name = "image_fit", rename_all = "snake_case")]
pub enum Fit {
    /// What juts out is cut off on both sides.
    #[default]
    Crop,
    /// Black bars fill what is missing.
    Pad,
    /// It is distorted.
    Stretch,
    /// The wish is not accepted.
    Reject,
}

impl Fit {
    /// Every fit.
    pub const ALL: [Fit; 4] = [Fit::Crop, Fit::Pad, Fit::Stretch, Fit::Reject];

    /// The name on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Fit::Crop => "crop",
            Fit::Pad => "pad",
            Fit::Stretch => "stretch",
            Fit::Reject => "reject",
        }
    }

    /// Reads what a client asked for.
    pub(super) fn asked(name: Option<&str>) -> Result<Self, Invalid> {
        let names = || Self::ALL.map(Fit::as_str).join(", ");
        let fit = name.map_or(Ok(Fit::default()), str::parse);
        fit.map_err(|()| Invalid::new("fit", format!("must be one of: {}", names())))
    }

    /// Whether a video of `size` may be made of the image in this field.
    pub(super) fn judge(self, size: Size, field: &'static str, image: Option<&SourceImage>) -> Result<(), Invalid> {
        match image {
            Some(image) if self == Fit::Reject && !image.size.has_shape_of(size) => {
                let allowed = format!(
                    "must have the proportions of the video: the image has {} pixels, the video {size}",
                    image.size
                );
                Err(Invalid::new(field, allowed))
            }
            _ => Ok(()),
        }
    }
}

impl fmt::Display for Fit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Fit {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        Self::ALL.into_iter().find(|fit| fit.as_str() == text).ok_or(())
    }
}
