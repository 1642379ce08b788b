//! The last stage: finished files into the store.

use std::path::Path;

use clipmill_shared::jobs::{Job, Output};
use clipmill_shared::storage::{Growing, Storage, StorageError};
use futures::future::{try_join, try_join_all};

use crate::fault::Fault;
use crate::postprocess::{Clip, ClipFile, Variant};

/// Files that are in the store.
#[derive(Debug)]
pub(crate) struct Asset {
    /// What the ledger keeps of them.
    pub(crate) outputs: Vec<Output>,
}

/// Begins to upload the video that will be written into `folder`. Customers see nothing of it before [`run`] has uploaded the rest.
pub(crate) fn begin(storage: &Storage, job: &Job, folder: &Path) -> Growing {
    let (name, content_type) = (Variant::Video.file_name(), Variant::Video.content_type());
    storage.put_growing(&format!("{}{name}", job.attempt_prefix()), content_type, &folder.join(name))
}

/// Uploads all files of a clip, side by side, and what is left of its video.
pub(crate) async fn run(storage: &Storage, job: &Job, clip: Clip, video: Growing) -> Result<Asset, Fault> {
    let prefix = job.attempt_prefix();
    let others = clip.files.iter().filter(|file| file.variant != Variant::Video);
    let others = others.map(|file| upload(storage, &prefix, file));
    try_join(video.finish(), try_join_all(others)).await.map_err(|error| {
        Fault::transient("upload_failed", "The video could not be stored. Submit the request again.", error)
    })?;
    Ok(Asset { outputs: clip.files.iter().map(output).collect() })
}

async fn upload(storage: &Storage, prefix: &str, file: &ClipFile) -> Result<(), StorageError> {
    let (name, content_type) = (file.variant.file_name(), file.variant.content_type());
    storage.put_file(&format!("{prefix}{name}"), content_type, &file.path).await
}

fn output(file: &ClipFile) -> Output {
    Output {
        variant: file.variant,
        file_name: file.variant.file_name().to_owned(),
        content_type: file.variant.content_type().to_owned(),
        size_bytes: file.size_bytes,
        sha256: hex::encode(file.sha256),
        width: file.width,
        height: file.height,
    }
}
