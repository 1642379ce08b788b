//! Files that customers put up before they submit: source images for any number of jobs, each of which takes a copy of its own.
//!
//! The row comes first and guards what is stored for it: whoever dies in between, it goes when its time is over, and with the row
//! a timer is set by which every object goes.

use chrono::{DateTime, Utc};
use serde::Serialize;

use crate::id::{AccountId, FileId};
use crate::picture::{Content, SourceImage};
use crate::storage::{StorageError, key};
use crate::tier::Size;

pub mod create;
pub mod delete;
pub mod read;
pub mod store;
pub mod sweep;
mod wish;

pub use wish::{FileSpec, FileWish, LIFETIME_SECONDS};

/// Files that an account may have at the same time.
pub const FILES_MAX: i64 = 1000;
/// How long an upload link works.
pub const LINK_SECONDS: u32 = 3600;
/// How long after its start the storing of an object may still succeed.
const STORING_SECONDS: f64 = 600.0;

/// How long something may still be stored for a file after its row is gone.
pub(crate) const WRITABLE_SECONDS: f64 = LINK_SECONDS as f64 + STORING_SECONDS;

/// The name under which an upload link stores, below the file's prefix. Nothing is read there but to be looked at and stored anew.
const UPLOAD: &str = "upload";

/// What a file is for. Images are all for videos here; the other names are those of OpenAI's API.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, sqlx::Type)]
#[serde(rename_all = "snake_case")]
#[sqlx(type_name = "file_purpose", rename_all = "snake_case")]
pub enum Purpose {
    /// To make a video of.
    VideoInput,
    /// To be looked at by a model.
    Vision,
    /// Anything.
    UserData,
}

impl Purpose {
    /// Every purpose, with its name on the wire.
    pub const ALL: [(&'static str, Purpose); 3] =
        [("video_input", Purpose::VideoInput), ("vision", Purpose::Vision), ("user_data", Purpose::UserData)];
}

/// Where a file stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, sqlx::Type)]
#[sqlx(type_name = "file_state", rename_all = "snake_case")]
pub enum FileState {
    /// Its content has yet to come, or to be looked at.
    Pending,
    /// It may be used.
    Ready,
}

/// A row of `files`.
#[derive(Debug, Clone)]
pub struct File {
    /// Names the file.
    pub id: FileId,
    /// Whom it belongs to.
    pub account_id: AccountId,
    /// What it is for.
    pub purpose: Purpose,
    /// The customer's name for it. It is not logged.
    pub file_name: String,
    /// Its media type, announced while it is pending and found out from then on.
    pub content_type: String,
    /// Its size in bytes.
    pub size_bytes: i32,
    /// Where it stands.
    pub state: FileState,
    /// The name of its object below its prefix, once it is ready.
    pub object: Option<String>,
    /// Width in pixels, once it is ready.
    pub width: Option<i32>,
    /// Height in pixels, once it is ready.
    pub height: Option<i32>,
    /// When it was begun.
    pub created_at: DateTime<Utc>,
    /// When it goes.
    pub expires_at: DateTime<Utc>,
}

impl File {
    /// The key of its content, once it is ready.
    pub fn key(&self) -> Option<String> {
        Some(self.key_of(self.object.as_ref()?))
    }

    /// The key under which an upload link stores.
    pub fn upload_key(&self) -> String {
        self.key_of(UPLOAD)
    }

    fn key_of(&self, name: &str) -> String {
        format!("{}{name}", key::file_prefix(self.account_id, self.id))
    }

    /// The file as a job's source image, once it is ready.
    pub fn source(&self) -> Option<SourceImage> {
        let size = Size { width: self.width?.unsigned_abs(), height: self.height?.unsigned_abs() };
        Some(SourceImage { content: Content::Object(self.key()?), kind: self.content_type.parse().ok()?, size })
    }
}

/// Why nothing came of what was asked of a file.
#[derive(Debug, thiserror::Error)]
pub enum FileError {
    /// The account has no such file, or not any more.
    #[error("the account has no such file")]
    NotFound,
    /// The account has as many files as it may.
    #[error("the account has as many files as it may")]
    TooMany,
    /// Nothing has come by its upload link yet.
    #[error("nothing has been stored for the file yet")]
    NotStored,
    /// What came is not what was announced.
    #[error("what was stored is not what was announced")]
    NotAsAnnounced,
    /// The store failed.
    #[error(transparent)]
    Storage(#[from] StorageError),
    /// The database did not answer.
    #[error("the database failed: {0}")]
    Database(#[from] sqlx::Error),
}

/// A statement that returns whole files: the text before the columns, the text after them, the arguments.
macro_rules! file_query {
    ($before:literal, $after:literal $(, $argument:expr)* $(,)?) => {
        sqlx::query_as!(
            $crate::files::File,
            $before + r#"
            id as "id: crate::id::FileId", account_id as "account_id: crate::id::AccountId",
            purpose as "purpose: crate::files::Purpose", file_name, content_type, size_bytes,
            state as "state: crate::files::FileState", object, width, height, created_at, expires_at
            "# + $after
            $(, $argument)*
        )
    };
}
pub(crate) use file_query;
