//! Names in the store. The account comes first, then the job, then the attempt that made the object; files and archives lie beside
//! the jobs.

use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;

use crate::id::{AccountId, ExportId, FileId, JobId};

/// Which of a video's files.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Variant {
    /// The video itself.
    Video,
    /// One frame of it.
    Thumbnail,
    /// A grid of frames.
    Spritesheet,
    /// A small moving picture.
    Preview,
}

impl Variant {
    /// Every variant.
    pub const ALL: [Variant; 4] = [Variant::Video, Variant::Thumbnail, Variant::Spritesheet, Variant::Preview];

    /// The name on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Variant::Video => "video",
            Variant::Thumbnail => "thumbnail",
            Variant::Spritesheet => "spritesheet",
            Variant::Preview => "preview",
        }
    }

    /// The name of its file.
    pub fn file_name(self) -> &'static str {
        match self {
            Variant::Video => "video.mp4",
            Variant::Thumbnail => "thumbnail.webp",
            Variant::Spritesheet => "spritesheet.jpg",
            Variant::Preview => "preview.webp",
        }
    }

    /// Its media type.
    pub fn content_type(self) -> &'static str {
        match self {
            Variant::Video => "video/mp4",
            Variant::Thumbnail | Variant::Preview => "image/webp",
            Variant::Spritesheet => "image/jpeg",
        }
    }
}

impl fmt::Display for Variant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Variant {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        Self::ALL.into_iter().find(|variant| variant.as_str() == text).ok_or(())
    }
}

/// What all objects of an account start with.
pub fn account_prefix(account: AccountId) -> String {
    format!("{account}/")
}

/// What all archives of an account start with.
pub fn exports_prefix(account: AccountId) -> String {
    format!("{account}/exports/")
}

/// What all objects of an archive start with.
pub fn export_prefix(account: AccountId, export: ExportId) -> String {
    format!("{account}/exports/{export}/")
}

/// What all objects of a job start with.
pub fn job_prefix(account: AccountId, job: JobId) -> String {
    format!("{account}/{job}/")
}

/// What all objects of one attempt start with.
pub fn attempt_prefix(account: AccountId, job: JobId, attempt: i32) -> String {
    format!("{account}/{job}/{attempt}/")
}

/// What all source images of a job start with.
pub fn source_prefix(account: AccountId, job: JobId) -> String {
    format!("{account}/{job}/source/")
}

/// What all objects of a file start with.
pub fn file_prefix(account: AccountId, file: FileId) -> String {
    format!("{account}/files/{file}/")
}
