//! Files that go up while they are written. The first part is held back, since a video's head is written last and may become longer;
//! the parts behind it go up as soon as they are full.

use std::future::ready;
use std::path::{Path, PathBuf};
use std::time::Duration;

use bytes::Bytes;
use futures::{Stream, TryStreamExt as _, stream};
use sha2::{Digest as _, Sha256};
use tokio::fs::File;
use tokio_util::sync::CancellationToken;
use tokio_util::task::AbortOnDropHandle;
use tracing::debug;

use super::multipart::{Multipart, PART_BYTES, Part};
use super::upload::{one, parts, read, unread};
use super::{Storage, StorageError};

/// How often it is looked how long the file is.
const LOOK: Duration = Duration::from_millis(250);
/// By how much the head may become longer.
const SHIFT_MAX_BYTES: u64 = 1024 * 1024;
/// By so many bytes of it the second part is found again.
const MARK_BYTES: usize = 64;

/// A SHA-256.
type Digest = [u8; 32];

/// A file on its way up while it is written. Nothing is to be seen in the store before it is finished; one that is dropped before
/// that leaves nothing behind.
#[derive(Debug)]
pub struct Growing {
    storage: Storage,
    key: String,
    content_type: String,
    path: PathBuf,
    written: CancellationToken,
    following: AbortOnDropHandle<Result<Option<Sent>, StorageError>>,
}

impl Storage {
    /// Puts up a file that is still being written, or will be. It may change in any way: what was sent too early is sent again. Little
    /// is, if it becomes longer at its end, and then its head is written, which may move all that comes after it.
    pub fn put_growing(&self, key: &str, content_type: &str, path: &Path) -> Growing {
        let (storage, key, content_type, path) =
            (self.clone(), key.to_owned(), content_type.to_owned(), path.to_owned());
        let written = CancellationToken::new();
        let following = follow(storage.clone(), key.clone(), content_type.clone(), path.clone(), written.clone());
        let following = AbortOnDropHandle::new(tokio::spawn(following));
        Growing { storage, key, content_type, path, written, following }
    }
}

impl Growing {
    /// Puts up what is left, now that the file is written. Parts that are others now than those that were sent go up again.
    pub async fn finish(self) -> Result<(), StorageError> {
        self.written.cancel();
        match self.following.await {
            Ok(Ok(Some(sent))) => {
                if sent.finish(&self.path).await? {
                    return Ok(());
                }
                debug!("A file has become shorter than what was sent of it, it goes up anew");
            }
            Ok(Ok(None)) => {}
            Ok(Err(error)) => debug!(%error, "Could not put a file up while it was written, it goes up anew"),
            Err(error) => debug!(%error, "Following a file ended by itself, it goes up anew"),
        }
        self.storage.put_file(&self.key, &self.content_type, &self.path).await
    }
}

/// Sends all full parts but the first until the file is written. None if there were none.
async fn follow(
    storage: Storage,
    key: String,
    content_type: String,
    path: PathBuf,
    written: CancellationToken,
) -> Result<Option<Sent>, StorageError> {
    let Some(file) = appeared(&path, &written).await? else { return Ok(None) };
    let mut tail = Tail { file, written, digests: Vec::new(), mark: Bytes::new() };
    if !tail.has(2).await? {
        return Ok(None);
    }
    let mut upload = Multipart::begin(&storage, &key, &content_type).await?;
    upload.put(tail.parts()).await?;
    let Tail { digests, mark, .. } = tail;
    Ok((!digests.is_empty()).then_some(Sent { upload, digests, mark }))
}

/// Waits for the file. None if it is written and was never seen.
async fn appeared(path: &Path, written: &CancellationToken) -> Result<Option<File>, StorageError> {
    loop {
        match File::open(path).await {
            Ok(file) => return Ok(Some(file)),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
            Err(error) => return Err(unread(error)),
        }
        if !pause(written).await {
            return Ok(None);
        }
    }
}

/// Waits a moment; false as soon as the file is written.
async fn pause(written: &CancellationToken) -> bool {
    tokio::time::timeout(LOOK, written.cancelled()).await.is_err()
}

/// What lies behind the first part of a file that grows.
struct Tail {
    file: File,
    written: CancellationToken,
    /// Of the parts that were read, from the second on.
    digests: Vec<Digest>,
    /// How the second part begins.
    mark: Bytes,
}

impl Tail {
    /// Waits until the part of this number is full; false if the file is written before that was seen.
    async fn has(&self, number: i32) -> Result<bool, StorageError> {
        while !self.written.is_cancelled() {
            if self.file.metadata().await.map_err(unread)?.len() >= end(number) {
                return Ok(true);
            }
            pause(&self.written).await;
        }
        Ok(false)
    }

    /// The parts, as they become full.
    fn parts(&mut self) -> impl Stream<Item = Result<Part, StorageError>> + Send {
        stream::try_unfold(self, |tail| async move {
            let part = tail.next().await?;
            Ok(part.map(|part| (part, tail)))
        })
    }

    /// The next part, as soon as it is full; none when the file is written.
    async fn next(&mut self) -> Result<Option<Part>, StorageError> {
        let number = self.digests.len() as i32 + 2;
        if !self.has(number).await? {
            return Ok(None);
        }
        let bytes = read(&mut self.file, end(number - 1)..end(number)).await?;
        if self.mark.is_empty() {
            self.mark = Bytes::copy_from_slice(&bytes[..MARK_BYTES]);
        }
        self.digests.push(Sha256::digest(&bytes).into());
        Ok(Some(Part { number, bytes }))
    }
}

/// Where a part ends that is as long as all before it.
fn end(number: i32) -> u64 {
    u64::from(number.unsigned_abs()) * PART_BYTES
}

/// What was sent while the file was written: the parts from the second on.
struct Sent {
    upload: Multipart,
    digests: Vec<Digest>,
    mark: Bytes,
}

impl Sent {
    /// Sends what is left of the file, and again what is another now, and makes one object of it. False if the file is too short for
    /// what was sent.
    async fn finish(self, path: &Path) -> Result<bool, StorageError> {
        let mut file = File::open(path).await.map_err(unread)?;
        let size = file.metadata().await.map_err(unread)?.len();
        let shift = self.shift(&mut file, size).await?;
        if size < shift + PART_BYTES * (self.digests.len() as u64 + 1) {
            return Ok(false);
        }
        let Self { mut upload, digests, .. } = self;
        let is_there = |part: &Part| digests.get(place(part.number)) == Some(&Sha256::digest(&part.bytes).into());
        let head = Part { number: 1, bytes: read(&mut file, 0..shift + PART_BYTES).await? };
        upload.put(parts(file, 2, shift + PART_BYTES..size).try_filter(|part| ready(!is_there(part)))).await?;
        // Last, since there are servers that take parts for good in their order.
        upload.put(one(head)).await?;
        upload.finish().await.map(|_| true)
    }

    /// How far what was sent has moved.
    async fn shift(&self, file: &mut File, size: u64) -> Result<u64, StorageError> {
        let window = PART_BYTES.min(size)..size.min(PART_BYTES + SHIFT_MAX_BYTES + MARK_BYTES as u64);
        let window = read(file, window).await?;
        let shift = window.windows(MARK_BYTES).position(|bytes| bytes == self.mark);
        Ok(shift.unwrap_or(0) as u64)
    }
}

/// Where the digest of a part stands.
fn place(number: i32) -> usize {
    number.unsigned_abs() as usize - 2
}
