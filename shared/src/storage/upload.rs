//! Uploads of files: in one piece when small, in parts when large, so that a hiccup costs a part and not the whole.

use std::path::Path;

use aws_sdk_s3::Client;
use aws_sdk_s3::primitives::{ByteStream, Length};
use aws_sdk_s3::types::{ChecksumAlgorithm, CompletedMultipartUpload, CompletedPart};

use super::{StorageError, unavailable};

/// Files above this go up in parts of this size; S3 takes at most 10,000 parts of at least 5 MiB.
const PART_BYTES: u64 = 8 * 1024 * 1024;

/// Ends the uploads in parts that began below `prefix` and were never finished: their worker is gone. Where the server
/// cannot list them, or our key may not, they are left to a rule of the bucket.
pub(super) async fn abort_all(client: &Client, bucket: &str, prefix: &str) -> Result<(), StorageError> {
    const FORBIDDEN_OR_NOT_IMPLEMENTED: [u16; 3] = [403, 405, 501];
    let declined = |status: u16| FORBIDDEN_OR_NOT_IMPLEMENTED.contains(&status);
    let begun = match client.list_multipart_uploads().bucket(bucket).prefix(prefix).send().await {
        Err(error) if error.raw_response().is_some_and(|raw| declined(raw.status().as_u16())) => return Ok(()),
        listed => listed.map_err(unavailable("list uploads"))?,
    };
    for upload in begun.uploads() {
        let (key, id) = (upload.key().unwrap_or_default(), upload.upload_id().unwrap_or_default());
        let abort = client.abort_multipart_upload().bucket(bucket).key(key).upload_id(id);
        abort.send().await.map_err(unavailable("abort an upload"))?;
    }
    Ok(())
}

/// Where one upload goes.
struct Destination<'a> {
    client: &'a Client,
    bucket: &'a str,
    key: &'a str,
}

pub(super) async fn put_file(
    client: &Client,
    bucket: &str,
    key: &str,
    content_type: &str,
    path: &Path,
) -> Result<(), StorageError> {
    let size = tokio::fs::metadata(path).await.map_err(|error| StorageError::File(error.to_string()))?.len();
    let to = Destination { client, bucket, key };
    if size <= PART_BYTES {
        to.put_whole(content_type, path).await
    } else {
        to.put_parts(content_type, path, size).await
    }
}

impl Destination<'_> {
    async fn put_whole(&self, content_type: &str, path: &Path) -> Result<(), StorageError> {
        let body = ByteStream::from_path(path).await.map_err(|error| StorageError::File(error.to_string()))?;
        let request = self.client.put_object().bucket(self.bucket).key(self.key).content_type(content_type);
        let request = request.checksum_algorithm(ChecksumAlgorithm::Crc32).body(body);
        request.send().await.map(drop).map_err(unavailable("put an object"))
    }

    async fn put_parts(&self, content_type: &str, path: &Path, size: u64) -> Result<(), StorageError> {
        let request =
            self.client.create_multipart_upload().bucket(self.bucket).key(self.key).content_type(content_type);
        let created = request
            .checksum_algorithm(ChecksumAlgorithm::Crc32)
            .send()
            .await
            .map_err(unavailable("start an upload"))?;
        let upload = created.upload_id().unwrap_or_default();
        let finished = match self.put_each_part(upload, path, size).await {
            Ok(parts) => self.join(upload, parts).await,
            Err(error) => Err(error),
        };
        if finished.is_err() {
            // Best effort: what stays behind goes with the rest of the attempt.
            let abort = self.client.abort_multipart_upload().bucket(self.bucket).key(self.key).upload_id(upload);
            let _ = abort.send().await;
        }
        finished
    }

    async fn put_each_part(&self, upload: &str, path: &Path, size: u64) -> Result<Vec<CompletedPart>, StorageError> {
        let mut parts = Vec::new();
        for (number, start) in (1..).zip((0..size).step_by(PART_BYTES as usize)) {
            let body =
                ByteStream::read_from().path(path).offset(start).length(Length::Exact(PART_BYTES.min(size - start)));
            let body = body.build().await.map_err(|error| StorageError::File(error.to_string()))?;
            let request = self.client.upload_part().bucket(self.bucket).key(self.key).upload_id(upload);
            let request = request.part_number(number).checksum_algorithm(ChecksumAlgorithm::Crc32).body(body);
            let sent = request.send().await.map_err(unavailable("upload a part"))?;
            let part = CompletedPart::builder()
                .part_number(number)
                .set_e_tag(sent.e_tag)
                .set_checksum_crc32(sent.checksum_crc32);
            parts.push(part.build());
        }
        Ok(parts)
    }

    async fn join(&self, upload: &str, parts: Vec<CompletedPart>) -> Result<(), StorageError> {
        let parts = CompletedMultipartUpload::builder().set_parts(Some(parts)).build();
        let request = self.client.complete_multipart_upload().bucket(self.bucket).key(self.key).upload_id(upload);
        request.multipart_upload(parts).send().await.map(drop).map_err(unavailable("finish an upload"))
    }
}
