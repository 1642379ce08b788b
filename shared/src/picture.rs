//! Images that may become part of a video.

use std::fmt;
use std::str::FromStr;

use bytes::Bytes;

use crate::tier::Size;

/// Largest image, in bytes.
pub const PICTURE_MAX_BYTES: u32 = 20 * 1024 * 1024;

/// The formats that are accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PictureType {
    /// JPEG.
    Jpeg,
    /// PNG.
    Png,
    /// WebP.
    WebP,
}

impl PictureType {
    /// Every format.
    pub const ALL: [PictureType; 3] = [PictureType::Jpeg, PictureType::Png, PictureType::WebP];

    /// Its media type.
    pub fn content_type(self) -> &'static str {
        match self {
            PictureType::Jpeg => "image/jpeg",
            PictureType::Png => "image/png",
            PictureType::WebP => "image/webp",
        }
    }

    /// The format that the ending of a file name stands for.
    pub fn of_file_name(name: &str) -> Option<Self> {
        let (_, extension) = name.rsplit_once('.')?;
        Self::ALL.into_iter().find(|kind| kind.extension() == extension)
    }

    /// The usual ending of its file names.
    pub fn extension(self) -> &'static str {
        match self {
            PictureType::Jpeg => "jpg",
            PictureType::Png => "png",
            PictureType::WebP => "webp",
        }
    }
}

impl fmt::Display for PictureType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.content_type())
    }
}

impl FromStr for PictureType {
    type Err = ();

    fn from_str(content_type: &str) -> Result<Self, ()> {
        Self::ALL.into_iter().find(|kind| kind.content_type() == content_type).ok_or(())
    }
}

/// An image that was decoded once and found good.
#[derive(Debug, Clone)]
pub struct Picture {
    /// The file, without its metadata.
    pub bytes: Bytes,
    /// Its format, found out from its content.
    pub kind: PictureType,
    /// Its size as it is to be seen.
    pub size: Size,
}

/// An image that a job starts from.
#[derive(Debug, Clone)]
pub struct SourceImage {
    /// Where the file is.
    pub content: Content,
    /// Its format.
    pub kind: PictureType,
    /// Its size as it is to be seen.
    pub size: Size,
}

/// Where the file of an image is.
#[derive(Debug, Clone)]
pub enum Content {
    /// In hand.
    Bytes(Bytes),
    /// In the store, under this key.
    Object(String),
}

impl From<Picture> for SourceImage {
    fn from(Picture { bytes, kind, size }: Picture) -> Self {
        Self { content: Content::Bytes(bytes), kind, size }
    }
}
