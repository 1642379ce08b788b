//! A validated announcement of a file.

use std::ops::RangeInclusive;

use super::Purpose;
use crate::jobs::spec::Invalid;
use crate::picture::{PICTURE_MAX_BYTES, PictureType};

/// How long a file may be kept, in seconds; the most if nothing is asked for.
pub const LIFETIME_SECONDS: RangeInclusive<i64> = 3600..=30 * 24 * 3600;

const NAME_MAX_CHARS: usize = 255;

/// What a client says of a file, not yet judged. `None` is what it left out.
#[derive(Debug, Default)]
pub struct FileWish {
    /// The client's name for it.
    pub file_name: Option<String>,
    /// What it is for.
    pub purpose: Option<String>,
    /// Its media type.
    pub content_type: Option<String>,
    /// Its size in bytes.
    pub size_bytes: Option<i64>,
    /// How long it is to be kept, in seconds.
    pub lifetime_seconds: Option<i64>,
}

/// A validated announcement.
#[derive(Debug)]
pub struct FileSpec {
    pub(super) file_name: String,
    pub(super) purpose: Purpose,
    pub(super) kind: PictureType,
    pub(super) size_bytes: i32,
    pub(super) lifetime_seconds: f64,
}

impl FileSpec {
    /// Judges a wish field by field; the first that cannot be accepted is named.
    pub fn new(wish: FileWish) -> Result<Self, Invalid> {
        Ok(Self {
            file_name: file_name(wish.file_name)?,
            purpose: wish.purpose.map_or(Ok(Purpose::VideoInput), |name| purpose(&name))?,
            kind: kind(wish.content_type.as_deref())?,
            size_bytes: size_bytes(wish.size_bytes)?,
            lifetime_seconds: lifetime(wish.lifetime_seconds.unwrap_or(*LIFETIME_SECONDS.end()))?,
        })
    }

    /// The announced size in bytes.
    pub fn size_bytes(&self) -> u32 {
        self.size_bytes.unsigned_abs()
    }
}

fn file_name(name: Option<String>) -> Result<String, Invalid> {
    let acceptable =
        |name: &String| (1..=NAME_MAX_CHARS).contains(&name.chars().count()) && !name.chars().any(char::is_control);
    let allowed = format!("must be a text of 1 to {NAME_MAX_CHARS} characters, none of them a control character");
    name.filter(acceptable).ok_or_else(|| Invalid::new("filename", allowed))
}

/// The purpose of this name.
pub(super) fn purpose(name: &str) -> Result<Purpose, Invalid> {
    let known = Purpose::ALL.into_iter().find(|(known, _)| *known == name);
    let names = || Purpose::ALL.map(|(name, _)| name).join(", ");
    known.map(|(_, purpose)| purpose).ok_or_else(|| Invalid::new("purpose", format!("must be one of: {}", names())))
}

fn kind(content_type: Option<&str>) -> Result<PictureType, Invalid> {
    let names = || PictureType::ALL.map(PictureType::content_type).join(", ");
    let kind = content_type.and_then(|content_type| content_type.parse().ok());
    kind.ok_or_else(|| Invalid::new("content_type", format!("must be one of: {}", names())))
}

fn size_bytes(bytes: Option<i64>) -> Result<i32, Invalid> {
    let size = bytes.filter(|bytes| (1..=i64::from(PICTURE_MAX_BYTES)).contains(bytes));
    let allowed = || format!("must be a whole number from 1 to {PICTURE_MAX_BYTES}");
    size.and_then(|size| size.try_into().ok()).ok_or_else(|| Invalid::new("bytes", allowed()))
}

fn lifetime(seconds: i64) -> Result<f64, Invalid> {
    let (least, most) = (LIFETIME_SECONDS.start(), LIFETIME_SECONDS.end());
    let allowed = || format!("must have the anchor created_at and seconds from {least} to {most}");
    match LIFETIME_SECONDS.contains(&seconds) {
        true => Ok(seconds as f64),
        false => Err(Invalid::new("expires_after", allowed())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wish() -> FileWish {
        FileWish {
            file_name: Some("cup.jpg".to_owned()),
            content_type: Some("image/jpeg".to_owned()),
            size_bytes: Some(1),
            ..FileWish::default()
        }
    }

    #[test]
    fn what_is_left_out_gets_its_default() {
        let spec = FileSpec::new(wish()).expect("name, type and size are enough");
        assert_eq!(
            (spec.purpose, spec.kind, spec.lifetime_seconds),
            (Purpose::VideoInput, PictureType::Jpeg, 2_592_000.0)
        );
    }

    #[test]
    fn what_cannot_be_accepted_is_named() {
        type Case = (&'static str, fn(&mut FileWish));
        let cases: [Case; 13] = [
            ("filename", |wish| wish.file_name = None),
            ("filename", |wish| wish.file_name = Some(String::new())),
            ("filename", |wish| wish.file_name = Some("ä".repeat(256))),
            ("filename", |wish| wish.file_name = Some("a\nb".to_owned())),
            ("filename", |wish| wish.file_name = Some("a\0b".to_owned())),
            ("purpose", |wish| wish.purpose = Some("fine-tune".to_owned())),
            ("content_type", |wish| wish.content_type = Some("image/gif".to_owned())),
            ("content_type", |wish| wish.content_type = None),
            ("bytes", |wish| wish.size_bytes = None),
            ("bytes", |wish| wish.size_bytes = Some(0)),
            ("bytes", |wish| wish.size_bytes = Some(20 * 1024 * 1024 + 1)),
            ("expires_after", |wish| wish.lifetime_seconds = Some(3599)),
            ("expires_after", |wish| wish.lifetime_seconds = Some(2_592_001)),
        ];
        for (field, spoil) in cases {
            let mut wish = wish();
            spoil(&mut wish);
            assert_eq!(FileSpec::new(wish).expect_err(field).field, field);
        }
    }
}
