//! From the ledger's language to the engine's: the request, with its source images decoded.

use std::io::Cursor;

use anyhow::Context as _;
use bytes::Bytes;
use clipmill_shared::jobs::Job;
use clipmill_shared::storage::key;
use clipmill_shared::storage::{Storage, StorageError};
use image::{DynamicImage, ImageDecoder as _, ImageReader, Limits};

use crate::engine::{Frame, Request};
use crate::fault::Fault;

/// No source image is larger; the API sees to that.
const IMAGE_MAX_BYTES: usize = 32 * 1024 * 1024;
/// Memory that decoding one source image may take: 8192 x 8192 RGBA.
const IMAGE_MAX_DECODED_BYTES: u64 = 8192 * 8192 * 4;

/// What the engine is asked to draw for a job.
pub(crate) async fn request(storage: &Storage, job: &Job) -> Result<Request, Fault> {
    let size = job.size();
    Ok(Request {
        prompt: job.drawn_prompt().to_owned(),
        negative_prompt: job.negative_prompt.clone(),
        width: size.width,
        height: size.height,
        frames: job.frames(),
        fps: job.fps.unsigned_abs(),
        seed: job.seed.unsigned_abs(),
        first_frame: image(storage, job, job.first_frame.as_deref()).await?,
        last_frame: image(storage, job, job.last_frame.as_deref()).await?,
    })
}

async fn image(storage: &Storage, job: &Job, file_name: Option<&str>) -> Result<Option<Frame>, Fault> {
    let Some(file_name) = file_name else { return Ok(None) };
    let key = format!("{}{file_name}", key::source_prefix(job.account_id, job.id));
    let bytes = storage.read(&key, IMAGE_MAX_BYTES).await.map_err(|error| match error {
        StorageError::NotFound => {
            Fault::permanent("source_missing", "The source image is gone. Submit the request again.", error)
        }
        error => {
            Fault::transient("storage_failed", "The source image could not be read. Submit the request again.", error)
        }
    })?;
    let decoded = tokio::task::spawn_blocking(move || decode(bytes)).await;
    let decoded = decoded.context("the decoder panicked").and_then(|decoded| decoded);
    decoded.map(Some).map_err(|error| Fault::permanent("source_damaged", "The source image cannot be decoded.", error))
}

/// Decodes an image under a memory limit, turned as its camera noted.
fn decode(bytes: Bytes) -> anyhow::Result<Frame> {
    let mut decoder = ImageReader::new(Cursor::new(bytes)).with_guessed_format()?.into_decoder()?;
    let mut limits = Limits::default();
    limits.max_alloc = Some(IMAGE_MAX_DECODED_BYTES);
    decoder.set_limits(limits.clone())?;
    // A decoder minds what it needs for itself; the picture is ours to count.
    limits.reserve(decoder.total_bytes())?;
    let orientation = decoder.orientation()?;
    let mut image = DynamicImage::from_decoder(decoder)?;
    image.apply_orientation(orientation);
    Ok(image.into_rgb8())
}
