//! A ZIP archive that is written while it is read: entries go in at one end, bytes come out at the other.

use std::io::{self, BufWriter, Write};

use bytes::Bytes;
use tokio::sync::mpsc;
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipWriter};

/// Pieces that may be under way at each end.
const PIECES: usize = 8;
/// Bytes that come out at a time.
const PIECE_BYTES: usize = 256 * 1024;

/// The end at which entries go in. An archive that is dropped before it is finished comes to an error at the other end.
pub(super) struct Archive(mpsc::Sender<Piece>);

enum Piece {
    Entry(String, CompressionMethod),
    Data(Bytes),
    End,
}

/// Whether an entry is packed, or is so by nature.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Packing {
    /// Text.
    Deflated,
    /// Media.
    Stored,
}

/// The other end was let go of.
#[derive(Debug, thiserror::Error)]
#[error("nobody reads the archive any more")]
pub(super) struct Unread;

impl Archive {
    /// An archive, and its bytes. A thread of its own is between them.
    pub(super) fn open() -> (Self, mpsc::Receiver<io::Result<Bytes>>) {
        let (pieces, written) = (mpsc::channel(PIECES), mpsc::channel(PIECES));
        let (input, output) = (pieces.1, written.0);
        tokio::task::spawn_blocking(move || {
            if let Err(error) = write(input, output.clone()) {
                // Who reads no more has no use for it.
                let _ = output.blocking_send(Err(error));
            }
        });
        (Self(pieces.0), written.1)
    }

    /// Begins an entry.
    pub(super) async fn begin(&self, name: String, packing: Packing) -> Result<(), Unread> {
        let method = match packing {
            Packing::Deflated => CompressionMethod::Deflated,
            Packing::Stored => CompressionMethod::Stored,
        };
        self.send(Piece::Entry(name, method)).await
    }

    /// Goes on with the entry.
    pub(super) async fn put(&self, data: impl Into<Bytes>) -> Result<(), Unread> {
        self.send(Piece::Data(data.into())).await
    }

    /// Ends the archive.
    pub(super) async fn finish(self) -> Result<(), Unread> {
        self.send(Piece::End).await
    }

    async fn send(&self, piece: Piece) -> Result<(), Unread> {
        self.0.send(piece).await.map_err(|_| Unread)
    }
}

fn write(mut pieces: mpsc::Receiver<Piece>, output: mpsc::Sender<io::Result<Bytes>>) -> io::Result<()> {
    let mut zip = ZipWriter::new_stream(BufWriter::with_capacity(PIECE_BYTES, Output(output)));
    loop {
        match pieces.blocking_recv() {
            Some(Piece::Entry(name, method)) => {
                // Nobody knows before how large an entry is, or will be.
                let options = SimpleFileOptions::default().compression_method(method).large_file(true);
                zip.start_file(name, options).map_err(io::Error::other)?;
            }
            Some(Piece::Data(data)) => zip.write_all(&data)?,
            Some(Piece::End) => return zip.finish().map_err(io::Error::other)?.into_inner().flush(),
            None => return Err(io::Error::other("the archive was not finished")),
        }
    }
}

struct Output(mpsc::Sender<io::Result<Bytes>>);

impl Write for Output {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let sent = self.0.blocking_send(Ok(Bytes::copy_from_slice(bytes)));
        sent.map(|()| bytes.len()).map_err(|_| io::ErrorKind::BrokenPipe.into())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Cursor, Read as _};

    use super::*;

    #[tokio::test]
    async fn what_goes_in_at_one_end_can_be_read_from_what_comes_out_at_the_other() {
        let (archive, mut bytes) = Archive::open();
        let long = vec![7; 3 * PIECE_BYTES + 1];
        let data = long.clone();
        tokio::spawn(async move {
            archive.begin("a.json".to_owned(), Packing::Deflated).await.expect("an entry");
            archive.put("[1,").await.expect("data");
            archive.put("2]").await.expect("data");
            archive.begin("media/b.bin".to_owned(), Packing::Stored).await.expect("an entry");
            archive.put(data).await.expect("data");
            archive.finish().await.expect("an end");
        });
        let mut whole = Vec::new();
        while let Some(piece) = bytes.recv().await {
            whole.extend_from_slice(&piece.expect("bytes"));
        }
        let mut zip = zip::ZipArchive::new(Cursor::new(whole)).expect("an archive");
        let mut text = String::new();
        zip.by_name("a.json").expect("the entry").read_to_string(&mut text).expect("text");
        assert_eq!(text, "[1,2]");
        let mut media = Vec::new();
        zip.by_name("media/b.bin").expect("the entry").read_to_end(&mut media).expect("bytes");
        assert!(media == long);
    }

    #[tokio::test]
    async fn an_archive_that_is_not_finished_is_an_error_and_no_archive() {
        let (archive, mut bytes) = Archive::open();
        archive.begin("a.json".to_owned(), Packing::Deflated).await.expect("an entry");
        drop(archive);
        let mut last = None;
        while let Some(piece) = bytes.recv().await {
            last = Some(piece);
        }
        assert!(last.is_some_and(|piece| piece.is_err()));
    }
}
