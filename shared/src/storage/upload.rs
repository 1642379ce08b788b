//! Uploads of files and of what comes in pieces: in one piece when small, in parts when large, so that a hiccup costs a part and not the whole.

use std::future::ready;
use std::io::{self, SeekFrom};
use std::ops::Range;
use std::path::Path;

use bytes::{Bytes, BytesMut};
use futures::{Stream, StreamExt as _, stream};
use tokio::fs::File;
use tokio::io::{AsyncReadExt as _, AsyncSeekExt as _};
use tokio::sync::mpsc;

use super::multipart::{Multipart, PART_BYTES, Part};
use super::{Storage, StorageError};

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
                Some(Err(error)) => return Err(unread(error)),
                None => self.is_over = true,
            }
        }
        let part = self.rest.split_to(self.rest.len().min(size)).freeze();
        Ok(Some(part).filter(|part| !part.is_empty()))
    }

    /// The parts from this number on.
    fn from(self, number: i32) -> impl Stream<Item = Result<Part, StorageError>> {
        stream::try_unfold((self, number), async |(mut pieces, number)| {
            let part = pieces.part(number).await?;
            Ok(part.map(|bytes| (Part { number, bytes }, (pieces, number + 1))))
        })
    }
}

pub(super) async fn put_stream(
    storage: &Storage,
    key: &str,
    content_type: &str,
    source: mpsc::Receiver<io::Result<Bytes>>,
) -> Result<u64, StorageError> {
    let mut pieces = Pieces { source, rest: BytesMut::new(), is_over: false };
    let first = pieces.part(1).await?.unwrap_or_default();
    if pieces.is_over && pieces.rest.is_empty() {
        let size = first.len() as u64;
        return storage.put(key, content_type, first).await.map(|()| size);
    }
    let mut upload = Multipart::begin(storage, key, content_type).await?;
    upload.put(one(Part { number: 1, bytes: first }).chain(pieces.from(2))).await?;
    upload.finish().await
}

pub(super) async fn put_file(
    storage: &Storage,
    key: &str,
    content_type: &str,
    path: &Path,
) -> Result<(), StorageError> {
    let mut file = File::open(path).await.map_err(unread)?;
    let size = file.metadata().await.map_err(unread)?.len();
    if size <= PART_BYTES {
        return storage.put(key, content_type, read(&mut file, 0..size).await?).await;
    }
    let mut upload = Multipart::begin(storage, key, content_type).await?;
    upload.put(parts(file, 1, 0..size)).await?;
    upload.finish().await.map(drop)
}

/// A single part.
pub(super) fn one(part: Part) -> impl Stream<Item = Result<Part, StorageError>> {
    stream::once(ready(Ok(part)))
}

/// What lies in `range` of a file, in parts from this number on.
pub(super) fn parts(file: File, number: i32, range: Range<u64>) -> impl Stream<Item = Result<Part, StorageError>> {
    stream::try_unfold((file, number, range), async |(mut file, number, range)| {
        if range.is_empty() {
            return Ok(None);
        }
        let end = range.end.min(range.start + PART_BYTES);
        let bytes = read(&mut file, range.start..end).await?;
        Ok(Some((Part { number, bytes }, (file, number + 1, end..range.end))))
    })
}

/// What lies in `range` of a file, all of it.
pub(super) async fn read(file: &mut File, range: Range<u64>) -> Result<Bytes, StorageError> {
    let length = usize::try_from(range.end - range.start).map_err(io::Error::other).map_err(unread)?;
    let mut bytes = vec![0; length];
    file.seek(SeekFrom::Start(range.start)).await.map_err(unread)?;
    file.read_exact(&mut bytes).await.map_err(unread)?;
    Ok(bytes.into())
}

/// A local file could not be read.
pub(super) fn unread(error: io::Error) -> StorageError {
    StorageError::File(error.to_string())
}
