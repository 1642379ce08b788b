//! Names in the store. The account comes first, then the job, then the attempt that made the object; files and archives lie beside
//! the jobs.

use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;

use uuid::Uuid;

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
    /// Which part of that grid shows which part of the video.
    SpritesheetVtt,
    /// A small moving picture.
    Preview,
}

impl Variant {
    /// Every variant.
    pub const ALL: [Variant; 5] =
        [Variant::Video, Variant::Thumbnail, Variant::Spritesheet, Variant::SpritesheetVtt, Variant::Preview];

    /// The name on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Variant::Video => "video",
            Variant::Thumbnail => "thumbnail",
            Variant::Spritesheet => "spritesheet",
            Variant::SpritesheetVtt => "spritesheet_vtt",
            Variant::Preview => "preview",
        }
    }

    /// The name of its file.
    pub fn file_name(self) -> &'static str {
        match self {
            Variant::Video => "video.mp4",
            Variant::Thumbnail => "thumbnail.webp",
            Variant::Spritesheet => "spritesheet.jpg",
            Variant::SpritesheetVtt => "spritesheet.vtt",
            Variant::Preview => "preview.webp",
        }
    }

    /// Its media type.
    pub fn content_type(self) -> &'static str {
        match self {
            Variant::Video => "video/mp4",
            Variant::Thumbnail | Variant::Preview => "image/webp",
            Variant::Spritesheet => "image/jpeg",
            Variant::SpritesheetVtt => "text/vtt",
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

/// Whose an object is, within its account. In the order of the keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Owner {
    /// An archive.
    Export(ExportId),
    /// A file.
    File(FileId),
    /// A job.
    Job(JobId),
}

impl Owner {
    /// The bare UUID.
    pub fn uuid(self) -> Uuid {
        match self {
            Owner::Export(id) => id.uuid(),
            Owner::File(id) => id.uuid(),
            Owner::Job(id) => id.uuid(),
        }
    }
}

/// Whose an object is. In the order of the keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Place {
    /// The account.
    pub account: AccountId,
    /// Within the account.
    pub owner: Owner,
}

impl Place {
    /// The first place that comes after this one and is of the same kind.
    pub(crate) fn next(self) -> Self {
        let next = Uuid::from_u128(self.owner.uuid().as_u128().saturating_add(1));
        let owner = match self.owner {
            Owner::Export(_) => Owner::Export(next.into()),
            Owner::File(_) => Owner::File(next.into()),
            Owner::Job(_) => Owner::Job(next.into()),
        };
        Self { owner, ..self }
    }
}

impl fmt::Display for Place {
    /// What the keys of its objects start with.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&match self.owner {
            Owner::Export(id) => export_prefix(self.account, id),
            Owner::File(id) => file_prefix(self.account, id),
            Owner::Job(id) => job_prefix(self.account, id),
        })
    }
}

/// Which part of its owner an object is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// A source image of a job.
    Source,
    /// What an attempt at a job made.
    Attempt(i32),
    /// There are no parts.
    Whole,
}

/// Reads a key of ours. None if it has not the form that this version writes.
pub fn parse(key: &str) -> Option<(Place, Part)> {
    let (account, rest) = key.split_once('/')?;
    let (first, rest) = rest.split_once('/')?;
    let (owner, part) = match first {
        "exports" => (Owner::Export(rest.split_once('/')?.0.parse().ok()?), Part::Whole),
        "files" => (Owner::File(rest.split_once('/')?.0.parse().ok()?), Part::Whole),
        job => (Owner::Job(job.parse().ok()?), part(rest.split_once('/')?.0)?),
    };
    Some((Place { account: account.parse().ok()?, owner }, part))
}

fn part(name: &str) -> Option<Part> {
    if name == "source" { Some(Part::Source) } else { name.parse().ok().map(Part::Attempt) }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_read_back_as_they_were_written_and_stand_in_the_order_of_their_places() {
        let (account, job) = (AccountId::new(), JobId::new());
        let (file, export) = (FileId::new(), ExportId::new());
        let keys = [
            (format!("{}1/export.zip", export_prefix(account, export)), Owner::Export(export), Part::Whole),
            (format!("{}image.png", file_prefix(account, file)), Owner::File(file), Part::Whole),
            (format!("{}video.mp4", attempt_prefix(account, job, 2)), Owner::Job(job), Part::Attempt(2)),
            (format!("{}first.png", source_prefix(account, job)), Owner::Job(job), Part::Source),
        ];
        for (key, owner, part) in &keys {
            assert_eq!(parse(key), Some((Place { account, owner: *owner }, *part)), "{key}");
        }
        assert!(keys.is_sorted_by_key(|(key, ..)| key) && keys.is_sorted_by_key(|(_, owner, _)| owner));
        for unknown in
            ["", "acct_1/video_2/1/video.mp4", &format!("{account}/{job}/cache/x"), &format!("{account}/large")]
        {
            assert_eq!(parse(unknown), None, "{unknown}");
        }
    }
}
