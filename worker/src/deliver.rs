//! The stage between moderation and upload: finished files into the customer's own store. Whoever comes later writes the same keys
//! again, so that an attempt that broke off leaves nothing but what the next one makes.

use std::collections::HashMap;

use anyhow::{Context as _, anyhow};
use clipmill_shared::db;
use clipmill_shared::destinations::{self, Destination, Named};
use clipmill_shared::id::DestinationId;
use clipmill_shared::jobs::Job;
use clipmill_shared::jobs::delivery::UploadUrl;
use clipmill_shared::storage::Storage;
use clipmill_shared::storage::courier::Trouble;
use clipmill_shared::vault::{Sealed, VaultError};
use futures::future::try_join_all;

use crate::env::Env;
use crate::fault::Fault;
use crate::postprocess::{Clip, ClipFile, Variant};

/// Where files were delivered to, as it may be shown.
pub(crate) type Delivered = HashMap<Variant, String>;

/// Brings a clip to where the job's customer wants it, if that is anywhere.
pub(crate) async fn run(env: &Env, job: &Job, clip: &Clip) -> Result<Delivered, Fault> {
    match (&job.upload_url, job.destination_id) {
        (Some(sealed), _) => to_address(env, job, sealed, clip).await,
        (None, Some(id)) => to_destination(env, job, id, clip).await,
        (None, None) => Ok(Delivered::new()),
    }
}

/// The video alone, to an address that whoever has it can write to.
async fn to_address(env: &Env, job: &Job, sealed: &Sealed, clip: &Clip) -> Result<Delivered, Fault> {
    let url = UploadUrl::open(&env.vault, job.id, sealed).map_err(locked)?;
    let url = url.ok_or_else(|| away("The address", anyhow!("it is no address any more")))?;
    let video = clip.files.iter().find(|file| file.variant == Variant::Video);
    let video = video.ok_or_else(|| away("The address", anyhow!("there is no video")))?;
    let put = env.courier.put_to(url.reveal(), video.variant.content_type(), &video.path);
    put.await.map_err(|trouble| fault("The address in output.upload_url", trouble))?;
    Ok(Delivered::from([(Variant::Video, url.origin())]))
}

/// All files, into a bucket of the customer's.
async fn to_destination(env: &Env, job: &Job, id: DestinationId, clip: &Clip) -> Result<Delivered, Fault> {
    let found = db::within(destinations::find(&env.pool, job.account_id, &Named::Id(id))).await;
    let found = found.context("cannot read the destination").map_err(|error| away("The destination", error))?;
    let destination = found.ok_or_else(|| away("The destination", anyhow!("there is no such destination")))?;
    let name = format!("The destination {}", destination.name);
    let target = destination.target(&env.vault).map_err(locked)?;
    let bucket = env.courier.open(&target).await.map_err(|trouble| fault(&name, trouble))?;
    let files = clip.files.iter().map(|file| put(&bucket, &destination, job, file));
    try_join_all(files).await.map(Delivered::from_iter).map_err(|trouble| fault(&name, trouble))
}

async fn put(
    bucket: &Storage,
    destination: &Destination,
    job: &Job,
    file: &ClipFile,
) -> Result<(Variant, String), Trouble> {
    let key = format!("{}{}", destination.prefix_of(job.id), file.variant.file_name());
    bucket.put_file(&key, file.variant.content_type(), &file.path).await?;
    Ok((file.variant, format!("s3://{}/{key}", destination.bucket)))
}

/// A worker without the master key leaves the job to one that has it.
fn locked(error: VaultError) -> Fault {
    match error {
        VaultError::MissingKey(_) => Fault::of_this_worker("secret_sealed", error),
        VaultError::UnknownForm | VaultError::Altered => away("The destination", error),
    }
}

fn away(what: &str, source: impl Into<anyhow::Error>) -> Fault {
    let public = format!("{what} could not be written to. Look at it, then submit the request again.");
    Fault::transient("delivery_failed", &public, source)
}

/// What a store's answer means: what it refused it refuses again.
fn fault(what: &str, trouble: Trouble) -> Fault {
    match trouble {
        Trouble::Address(_) | Trouble::Role(_) | Trouble::Refused { .. } => {
            let public =
                format!("{what} did not take the video: {trouble}. Put that right, then submit the request again.");
            Fault::permanent("destination_refused", public, trouble)
        }
        Trouble::Unreachable => away(what, trouble),
        Trouble::File(_) => Fault::of_this_worker("disk_failed", trouble),
    }
}
