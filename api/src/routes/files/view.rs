//! A file as clients see it: OpenAI's object and ours beyond it.

use std::collections::BTreeMap;

use clipmill_shared::files::{File, FileState, LINK_SECONDS, Purpose};
use clipmill_shared::id::FileId;
use clipmill_shared::storage::UploadLink;
use serde::Serialize;
use utoipa::ToSchema;

/// A file.
#[derive(Debug, Serialize, ToSchema)]
#[schema(title = "File")]
pub(crate) struct FileView {
    /// Names the file
    #[schema(value_type = String, example = "file_01934b6c2a7e7c3e9b1f0a2d4c6e8f10")]
    id: FileId,
    /// Always `file`
    #[schema(example = "file")]
    object: &'static str,
    /// Bytes
    bytes: i32,
    /// Unix seconds
    created_at: i64,
    /// Unix seconds at which it goes
    expires_at: i64,
    /// The name that it came with
    #[schema(example = "cup.jpg")]
    filename: String,
    /// `video_input`, `vision` or `user_data`
    #[schema(value_type = String, example = "video_input")]
    purpose: Purpose,
    /// `pending` until its content is there and was looked at, then `processed`
    #[schema(example = "processed")]
    status: &'static str,
    /// Media type
    #[schema(example = "image/jpeg")]
    content_type: String,
    /// Pixels, once it is processed
    width: Option<i32>,
    /// Pixels, once it is processed
    height: Option<i32>,
    /// How to store the content; only in the answer that began the file
    #[serde(skip_serializing_if = "Option::is_none")]
    upload: Option<UploadView>,
}

/// A request that stores a file's content.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct UploadView {
    /// Always `PUT`
    #[schema(example = "PUT")]
    method: &'static str,
    /// Where to send the content
    url: String,
    /// Headers to send with it, as they are
    headers: BTreeMap<String, String>,
    /// Unix seconds until which this works
    expires_at: i64,
}

impl FileView {
    /// A file.
    pub(super) fn new(file: File) -> Self {
        Self {
            id: file.id,
            object: "file",
            bytes: file.size_bytes,
            created_at: file.created_at.timestamp(),
            expires_at: file.expires_at.timestamp(),
            filename: file.file_name,
            purpose: file.purpose,
            status: match file.state {
                FileState::Pending => "pending",
                FileState::Ready => "processed",
            },
            content_type: file.content_type,
            width: file.width,
            height: file.height,
            upload: None,
        }
    }

    /// A file whose content is to be stored by a link.
    pub(super) fn with_link(file: File, link: UploadLink) -> Self {
        let expires_at = file.created_at.timestamp() + i64::from(LINK_SECONDS);
        let upload = UploadView { method: "PUT", url: link.url, headers: link.headers, expires_at };
        Self { upload: Some(upload), ..Self::new(file) }
    }
}
