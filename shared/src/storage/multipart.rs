//! An upload in parts: several at a time, each sent again by itself when it fails, and all looked at when they are joined.

use aws_sdk_s3::config::Builder;
use aws_sdk_s3::primitives::ByteStream;
use aws_sdk_s3::types::{CompletedMultipartUpload, CompletedPart};
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use bytes::Bytes;
use futures::{Stream, TryStreamExt as _};
use tokio::runtime::Handle;
use tracing::debug;

use super::{Storage, StorageError, checksum, repeat, unavailable};

/// Files above this go up in parts of this size; S3 takes at most 10,000 parts of at least 5 MiB.
pub const PART_BYTES: u64 = 8 * 1024 * 1024;
/// Parts on their way at the same time, which are what is in memory of a file.
const PARTS_AT_ONCE: usize = 4;

/// A part of an object.
pub(super) struct Part {
    /// Its place, from 1.
    pub(super) number: i32,
    /// What is in it.
    pub(super) bytes: Bytes,
}

/// An upload that was begun. One that is dropped unfinished is given up in the background, so that nothing is left of it in the
/// store; what a killed process leaves goes with the rest of its prefix, or by the rule of the bucket.
pub(super) struct Multipart {
    storage: Storage,
    key: String,
    id: String,
    parts: Vec<CompletedPart>,
    size_bytes: u64,
    is_over: bool,
}

impl Multipart {
    /// Begins an upload.
    pub(super) async fn begin(storage: &Storage, key: &str, content_type: &str) -> Result<Self, StorageError> {
        let request = storage.client.create_multipart_upload().bucket(&storage.bucket).key(storage.prefix.add(key));
        let request = request.content_type(content_type).set_checksum_algorithm(storage.checksum.algorithm());
        let request = request.set_server_side_encryption(storage.sse.method()).set_ssekms_key_id(storage.sse.key());
        let id = match request.send().await {
            Ok(begun) => begun.upload_id,
            Err(error) => match error.raw_response().and_then(id_in) {
                None => return Err(unavailable("start an upload")(error)),
                id => id,
            },
        };
        let id = id.ok_or_else(|| wrong("start an upload", "it has no id".to_owned()))?;
        let (storage, key) = (storage.clone(), key.to_owned());
        Ok(Self { storage, key, id, parts: Vec::new(), size_bytes: 0, is_over: false })
    }

    /// Puts parts up as they come, in any order.
    pub(super) async fn put(
        &mut self,
        parts: impl Stream<Item = Result<Part, StorageError>>,
    ) -> Result<(), StorageError> {
        let upload = &*self;
        let sent = parts.map_ok(|part| upload.put_part(part)).try_buffer_unordered(PARTS_AT_ONCE);
        let sent: Vec<(CompletedPart, u64)> = sent.try_collect().await?;
        for (part, size_bytes) in sent {
            self.parts.push(part);
            self.size_bytes += size_bytes;
        }
        Ok(())
    }

    async fn put_part(&self, Part { number, bytes }: Part) -> Result<(CompletedPart, u64), StorageError> {
        let size_bytes = bytes.len() as u64;
        let storage = &self.storage;
        let request = storage.client.upload_part().bucket(&storage.bucket).key(storage.prefix.add(&self.key));
        let request = request.upload_id(&self.id).part_number(number).body(ByteStream::from(bytes));
        let request = request.set_checksum_algorithm(storage.checksum.algorithm()).customize();
        let request = request.config_override(Builder::new().retry_config(repeat::for_parts()));
        let sent = request.send().await.map_err(unavailable("upload a part"))?;
        Ok((checksum::completed(number, sent), size_bytes))
    }

    /// Makes one object of the parts and sees that all of it is there. Says how large it is.
    pub(super) async fn finish(mut self) -> Result<u64, StorageError> {
        let mut parts = std::mem::take(&mut self.parts);
        parts.sort_by_key(CompletedPart::part_number);
        let parts = CompletedMultipartUpload::builder().set_parts(Some(parts)).build();
        let storage = &self.storage;
        let join = storage.client.complete_multipart_upload().bucket(&storage.bucket);
        let join = join.key(storage.prefix.add(&self.key)).upload_id(&self.id).multipart_upload(parts);
        join.send().await.map_err(unavailable("finish an upload"))?;
        self.is_over = true;
        match self.storage.size_bytes(&self.key).await? {
            size if size == self.size_bytes => Ok(size),
            size => Err(wrong("finish an upload", format!("it has {size} bytes in place of {}", self.size_bytes))),
        }
    }
}

impl Drop for Multipart {
    fn drop(&mut self) {
        let Some(runtime) = Handle::try_current().ok().filter(|_| !self.is_over) else { return };
        let (storage, key, id) = (self.storage.clone(), self.key.clone(), self.id.clone());
        runtime.spawn(async move {
            if let Err(error) = storage.abort_multipart(&key, &id).await {
                debug!(%error, "Could not give up an upload, it goes with the rest of its prefix");
            }
        });
    }
}

/// The id in an answer whose root is called otherwise than at S3, as at rclone: the client refuses to read it.
fn id_in(answer: &HttpResponse) -> Option<String> {
    let text = str::from_utf8(answer.body().bytes().filter(|_| answer.status().is_success())?).ok()?;
    let (_, rest) = text.split_once("<UploadId>")?;
    rest.split_once("</UploadId>").map(|(id, _)| id.to_owned())
}

fn wrong(verb: &'static str, reason: String) -> StorageError {
    StorageError::Unavailable { verb, reason }
}
