//! The last stage: finished files into the store, unless they are to stay with their customer alone.

use clipmill_shared::jobs::{Job, Output};
use clipmill_shared::storage::Storage;
use futures::future::try_join_all;

use crate::deliver::Delivered;
use crate::fault::Fault;
use crate::postprocess::{Clip, ClipFile};

/// Files that are in the store, or were delivered.
#[derive(Debug)]
pub(crate) struct Asset {
    /// What the ledger keeps of them.
    pub(crate) outputs: Vec<Output>,
}

/// Uploads all files of a clip, side by side, if they are to be kept here; else only those that were delivered are left.
pub(crate) async fn run(storage: &Storage, job: &Job, clip: Clip, delivered: Delivered) -> Result<Asset, Fault> {
    let keep = job.keeps_files();
    if keep {
        let prefix = job.attempt_prefix();
        try_join_all(clip.files.iter().map(|file| upload(storage, &prefix, file))).await?;
    }
    let there = clip.files.iter().filter(|file| keep || delivered.contains_key(&file.variant));
    Ok(Asset { outputs: there.map(|file| output(file, &delivered)).collect() })
}

async fn upload(storage: &Storage, prefix: &str, file: &ClipFile) -> Result<(), Fault> {
    let (name, content_type) = (file.variant.file_name(), file.variant.content_type());
    storage.put_file(&format!("{prefix}{name}"), content_type, &file.path).await.map_err(|error| {
        Fault::transient("upload_failed", "The video could not be stored. Submit the request again.", error)
    })
}

/// What the ledger keeps of a file.
fn output(file: &ClipFile, delivered: &Delivered) -> Output {
    Output {
        variant: file.variant,
        file_name: file.variant.file_name().to_owned(),
        content_type: file.variant.content_type().to_owned(),
        size_bytes: file.size_bytes,
        sha256: hex::encode(file.sha256),
        width: file.width,
        height: file.height,
        delivered_to: delivered.get(&file.variant).cloned(),
    }
}
