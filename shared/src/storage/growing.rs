//! Files that go up while they are written. The first part is held back, since a video's head is written last and may become longer;
//! the parts behind it go up as soon as they are full.

use std::path::{Path, PathBuf};
use std::time::Duration;

use bytes::Bytes;
use futures::{Stream, StreamExt as _, stream};
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
    /// Puts up a file that is still being written, or will be. It has to become longer only at its end until all of it is written;
    /// then its first part may be another one, and what comes after it may move.
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
    /// Puts up what is left, now that the file is written. What was sent is compared with what the file is now: if it has become
    /// another one, all of it goes up anew.
    pub async fn finish(self) -> Result<(), StorageError> {
        self.written.cancel();
        match self.following.await {
            Ok(Ok(Some(sent))) => {
                if sent.finish(&self.path).await? {
                    return Ok(());
                }
                debug!("A file has become another one than was sent, it goes up anew");
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
    let mut tail = Tail { file, written, last: 1, digest: Sha256::new(), mark: Bytes::new() };
    if !tail.has(2).await? {
        return Ok(None);
    }
    let mut upload = Multipart::begin(&storage, &key, &content_type).await?;
    upload.put(tail.parts()).await?;
    let Tail { last, digest, mark, .. } = tail;
    Ok((last > 1).then_some(Sent { upload, last, digest, mark }))
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
    /// The part that was read last.
    last: i32,
    digest: Sha256,
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
        let number = self.last + 1;
        if !self.has(number).await? {
            return Ok(None);
        }
        let bytes = read(&mut self.file, end(self.last)..end(number)).await?;
        if self.mark.is_empty() {
            self.mark = Bytes::copy_from_slice(&bytes[..MARK_BYTES]);
        }
        self.digest.update(&bytes);
        self.last = number;
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
    /// The part that was sent last.
    last: i32,
    digest: Sha256,
    mark: Bytes,
}

impl Sent {
    /// Sends what is left of the file and makes one object of it. False if what was sent is not in the file any more.
    async fn finish(self, path: &Path) -> Result<bool, StorageError> {
        let mut file = File::open(path).await.map_err(unread)?;
        let size = file.metadata().await.map_err(unread)?.len();
        let Some(shift) = self.shift(&mut file, size).await? else { return Ok(false) };
        let Self { mut upload, last, .. } = self;
        let head = Part { number: 1, bytes: read(&mut file, 0..shift + PART_BYTES).await? };
        upload.put(one(head).chain(parts(file, last + 1, shift + end(last)..size))).await?;
        upload.finish().await.map(|_| true)
    }

    /// How far what was sent has moved. None if it is not in the file any more.
    async fn shift(&self, file: &mut File, size: u64) -> Result<Option<u64>, StorageError> {
        let window = PART_BYTES..size.min(PART_BYTES + SHIFT_MAX_BYTES + MARK_BYTES as u64);
        if size < end(self.last) {
            return Ok(None);
        }
        let window = read(file, window).await?;
        let Some(shift) = window.windows(MARK_BYTES).position(|bytes| bytes == self.mark) else { return Ok(None) };
        let shift = shift as u64;
        if size < shift + end(self.last) {
            return Ok(None);
        }
        let mut digest = Sha256::new();
        for number in 2..=self.last {
            digest.update(&read(file, shift + end(number - 1)..shift + end(number)).await?);
        }
        Ok((digest.finalize() == self.digest.clone().finalize()).then_some(shift))
    }
}
