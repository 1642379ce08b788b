//! The last stage: finished files into the store.

use clipmill_shared::jobs::{Job, Output};
use clipmill_shared::storage::Storage;
use futures::future::try_join_all;

use crate::fault::Fault;
use crate::postprocess::{Clip, ClipFile};

/// Files that are in the store.
#[derive(Debug)]
pub(crate) struct Asset {
    /// What the ledger keeps of them.
    pub(crate) outputs: Vec<Output>,
}

/// Uploads all files of a clip, side by side.
pub(crate) async fn run(storage: &Storage, job: &Job, clip: Clip) -> Result<Asset, Fault> {
    let prefix = job.attempt_prefix();
    let outputs = try_join_all(clip.files.iter().map(|file| upload(storage, &prefix, file))).await?;
    Ok(Asset { outputs })
}

async fn upload(storage: &Storage, prefix: &str, file: &ClipFile) -> Result<Output, Fault> {
    let (name, content_type) = (file.variant.file_name(), file.variant.content_type());
    storage.put_file(&format!("{prefix}{name}"), content_type, &file.path).await.map_err(|error| {
        Fault::transient("upload_failed", "The video could not be stored. Submit the request again.", error)
    })?;
    Ok(Output {
        variant: file.variant,
        file_name: name.to_owned(),
        content_type: content_type.to_owned(),
        size_bytes: file.size_bytes,
        sha256: hex::encode(file.sha256),
        width: file.width,
        height: file.height,
    })
}
