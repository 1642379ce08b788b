//! The last stage: finished files into the store, unless they are to stay with their customer alone.

use std::path::Path;

use clipmill_shared::jobs::options::Container;
use clipmill_shared::jobs::{Job, Output};
use clipmill_shared::storage::{Growing, Storage, StorageError};
use futures::FutureExt as _;
use futures::future::{OptionFuture, try_join, try_join_all};

use crate::deliver::Delivered;
use crate::fault::Fault;
use crate::postprocess::{Clip, ClipFile, Recipe, Variant};

/// Files that are in the store, or were delivered.
#[derive(Debug)]
pub(crate) struct Asset {
    /// What the ledger keeps of them.
    pub(crate) outputs: Vec<Output>,
}

/// Begins to upload the video that will be written into `folder`, if it becomes longer only at its end and is to be kept here. Customers
/// see nothing of it before [`run`] has uploaded the rest.
pub(crate) fn begin(storage: &Storage, job: &Job, recipe: &Recipe, folder: &Path) -> Option<Growing> {
    let (name, content_type) = (Variant::Video.file_name(), Variant::Video.content_type());
    let key = format!("{}{name}", job.attempt_prefix());
    let grows = recipe.container == Container::FragmentedMp4 && job.keeps_files();
    grows.then(|| storage.put_growing(&key, content_type, &folder.join(name)))
}

/// Uploads all files of a clip, side by side, if they are to be kept here; of a video that is on its way, what is left. Else only
/// those that were delivered are left.
pub(crate) async fn run(
    storage: &Storage,
    job: &Job,
    clip: Clip,
    video: Option<Growing>,
    delivered: Delivered,
) -> Result<Asset, Fault> {
    let keep = job.keeps_files();
    if keep {
        store(storage, &job.attempt_prefix(), &clip, video).await.map_err(|error| {
            Fault::transient("upload_failed", "The video could not be stored. Submit the request again.", error)
        })?;
    }
    let there = clip.files.iter().filter(|file| keep || delivered.contains_key(&file.variant));
    Ok(Asset { outputs: there.map(|file| output(file, &delivered)).collect() })
}

async fn store(storage: &Storage, prefix: &str, clip: &Clip, video: Option<Growing>) -> Result<(), StorageError> {
    let others = clip.files.iter().filter(|file| video.is_none() || file.variant != Variant::Video);
    let others: Vec<_> = others.map(|file| upload(storage, prefix, file)).collect();
    let video = OptionFuture::from(video.map(Growing::finish)).map(|finished| finished.unwrap_or(Ok(())));
    try_join(video, try_join_all(others)).await.map(drop)
}

async fn upload(storage: &Storage, prefix: &str, file: &ClipFile) -> Result<(), StorageError> {
    let (name, content_type) = (file.variant.file_name(), file.variant.content_type());
    storage.put_file(&format!("{prefix}{name}"), content_type, &file.path).await
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
