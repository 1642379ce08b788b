//! Uploads of files and of what comes in pieces: in one piece when small, in parts when large, so that a hiccup costs a part and not the whole.

use std::io;
use std::path::Path;

use aws_sdk_s3::Client;
use aws_sdk_s3::error::SdkError;
use aws_sdk_s3::primitives::{ByteStream, Length};
use aws_sdk_s3::types::{ChecksumAlgorithm, CompletedMultipartUpload, CompletedPart};
use bytes::{Bytes, BytesMut};
use tokio::sync::mpsc;

use super::{StorageError, unavailable};

/// Files above this go up in parts of this size; S3 takes at most 10,000 parts of at least 5 MiB.
const PART_BYTES: u64 = 8 * 1024 * 1024;

/// Ends the uploads in parts that began below `prefix` and were never finished: their worker is gone. Where the server
/// cannot list them, or our key may not, they are left to a rule of the bucket.
pub(super) async fn abort_all(client: &Client, bucket: &str, prefix: &str) -> Result<(), StorageError> {
    let begun = match client.list_multipart_uploads().bucket(bucket).prefix(prefix).send().await {
        Err(error) if is_declined(&error) => return Ok(()),
        listed => listed.map_err(unavailable("list uploads"))?,
    };
    for upload in begun.uploads() {
        let (key, id) = (upload.key().unwrap_or_default(), upload.upload_id().unwrap_or_default());
        let abort = client.abort_multipart_upload().bucket(bucket).key(key).upload_id(id);
        abort.send().await.map_err(unavailable("abort an upload"))?;
    }
    Ok(())
}

/// Whether the server cannot do it, or our key may not.
pub(super) fn is_declined<E>(error: &SdkError<E>) -> bool {
    const FORBIDDEN_OR_NOT_IMPLEMENTED: [u16; 3] = [403, 405, 501];
    error.raw_response().is_some_and(|raw| FORBIDDEN_OR_NOT_IMPLEMENTED.contains(&raw.status().as_u16()))
}

/// Where one upload goes.
struct Destination<'a> {
    client: &'a Client,
    bucket: &'a str,
    key: &'a str,
}

/// What comes in pieces, cut into parts that grow, so that ten thousand of them hold half a TiB.
struct Pieces {
    source: mpsc::Receiver<io::Result<Bytes>>,
    rest: BytesMut,
    is_over: bool,
}

impl Pieces {
    /// Parts of the first size.
    const PARTS_OF_A_SIZE: usize = 1000;

    /// The part of this number, from 1; none after the last.
    async fn part(&mut self, number: i32) -> Result<Option<Bytes>, StorageError> {
        let steps = usize::try_from(number - 1).unwrap_or_default() / Self::PARTS_OF_A_SIZE + 1;
        let size = PART_BYTES as usize * steps;
        while self.rest.len() < size && !self.is_over {
            match self.source.recv().await {
                Some(Ok(piece)) => self.rest.extend_from_slice(&piece),
                Some(Err(error)) => return Err(StorageError::File(error.to_string())),
                None => self.is_over = true,
            }
        }
        let part = self.rest.split_to(self.rest.len().min(size)).freeze();
        Ok(Some(part).filter(|part| !part.is_empty()))
    }
}

pub(super) async fn put_stream(
    client: &Client,
    bucket: &str,
    key: &str,
    content_type: &str,
    source: mpsc::Receiver<io::Result<Bytes>>,
) -> Result<u64, StorageError> {
    let (to, mut pieces) =
        (Destination { client, bucket, key }, Pieces { source, rest: BytesMut::new(), is_over: false });
    let first = pieces.part(1).await?.unwrap_or_default();
    if pieces.is_over && pieces.rest.is_empty() {
        let size = first.len() as u64;
        let request = client.put_object().bucket(bucket).key(key).content_type(content_type);
        let request = request.checksum_algorithm(ChecksumAlgorithm::Crc32).body(ByteStream::from(first));
        return request.send().await.map(|_| size).map_err(unavailable("put an object"));
    }
    let upload = to.begin(content_type).await?;
    let size = match to.put_pieces(&upload, first, pieces).await {
        Ok((parts, size)) => to.join(&upload, parts).await.map(|()| size),
        Err(error) => Err(error),
    };
    to.end(&upload, size).await
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
        let upload = self.begin(content_type).await?;
        let finished = match self.put_each_part(&upload, path, size).await {
            Ok(parts) => self.join(&upload, parts).await,
            Err(error) => Err(error),
        };
        self.end(&upload, finished).await
    }

    async fn begin(&self, content_type: &str) -> Result<String, StorageError> {
        let request =
            self.client.create_multipart_upload().bucket(self.bucket).key(self.key).content_type(content_type);
        let created = request.checksum_algorithm(ChecksumAlgorithm::Crc32).send().await;
        let created = created.map_err(unavailable("start an upload"))?;
        Ok(created.upload_id.unwrap_or_default())
    }

    /// Clears away what was begun, if nothing came of it. Best effort: what stays behind goes with the rest of its prefix.
    async fn end<T>(&self, upload: &str, finished: Result<T, StorageError>) -> Result<T, StorageError> {
        if finished.is_err() {
            let abort = self.client.abort_multipart_upload().bucket(self.bucket).key(self.key).upload_id(upload);
            let _ = abort.send().await;
        }
        finished
    }

    /// Says how long all parts are together.
    async fn put_pieces(
        &self,
        upload: &str,
        first: Bytes,
        mut pieces: Pieces,
    ) -> Result<(Vec<CompletedPart>, u64), StorageError> {
        let (mut parts, mut size, mut next) = (Vec::new(), 0, Some(first));
        for number in 1.. {
            let Some(part) = next else { break };
            size += part.len() as u64;
            parts.push(self.put_part(upload, number, ByteStream::from(part)).await?);
            next = pieces.part(number + 1).await?;
        }
        Ok((parts, size))
    }

    async fn put_part(&self, upload: &str, number: i32, body: ByteStream) -> Result<CompletedPart, StorageError> {
        let request = self.client.upload_part().bucket(self.bucket).key(self.key).upload_id(upload);
        let request = request.part_number(number).checksum_algorithm(ChecksumAlgorithm::Crc32).body(body);
        let sent = request.send().await.map_err(unavailable("upload a part"))?;
        let part = CompletedPart::builder().part_number(number).set_e_tag(sent.e_tag);
        Ok(part.set_checksum_crc32(sent.checksum_crc32).build())
    }

    async fn put_each_part(&self, upload: &str, path: &Path, size: u64) -> Result<Vec<CompletedPart>, StorageError> {
        let mut parts = Vec::new();
        for (number, start) in (1..).zip((0..size).step_by(PART_BYTES as usize)) {
            let body =
                ByteStream::read_from().path(path).offset(start).length(Length::Exact(PART_BYTES.min(size - start)));
            let body = body.build().await.map_err(|error| StorageError::File(error.to_string()))?;
            parts.push(self.put_part(upload, number, body).await?);
        }
        Ok(parts)
    }

    async fn join(&self, upload: &str, parts: Vec<CompletedPart>) -> Result<(), StorageError> {
        let parts = CompletedMultipartUpload::builder().set_parts(Some(parts)).build();
        let request = self.client.complete_multipart_upload().bucket(self.bucket).key(self.key).upload_id(upload);
        request.multipart_upload(parts).send().await.map(drop).map_err(unavailable("finish an upload"))
    }
}
