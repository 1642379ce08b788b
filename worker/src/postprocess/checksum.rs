//! Length and SHA-256 of a file.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use sha2::{Digest, Sha256};

/// How much of a file is in memory at a time, in bytes.
const CHUNK_BYTES: usize = 64 * 1024;

/// What identifies a file's content.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Checksum {
    /// Length in bytes.
    pub(super) size_bytes: u64,
    /// SHA-256 of the content.
    pub(super) sha256: [u8; 32],
}

impl Checksum {
    /// Reads the file once, a chunk at a time.
    pub(super) fn read(path: &Path) -> io::Result<Self> {
        let mut file = File::open(path)?;
        let mut chunk = vec![0; CHUNK_BYTES];
        let mut hasher = Sha256::new();
        let mut size_bytes = 0;
        loop {
            let read = match file.read(&mut chunk) {
                Ok(0) => return Ok(Self { size_bytes, sha256: hasher.finalize().into() }),
                Ok(read) => read,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(error),
            };
            hasher.update(&chunk[..read]);
            size_bytes += read as u64;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn checksum_of(content: &[u8]) -> (u64, String) {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), content).unwrap();
        let checksum = Checksum::read(file.path()).unwrap();
        (checksum.size_bytes, hex::encode(checksum.sha256))
    }

    #[test]
    fn the_checksum_is_the_published_one() {
        // FIPS 180-2, appendix B: "abc", and one million times "a", which is many chunks.
        let abc = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        let million = "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0";
        assert_eq!(checksum_of(b"abc"), (3, abc.to_owned()));
        assert_eq!(checksum_of(&vec![b'a'; 1_000_000]), (1_000_000, million.to_owned()));
    }

    #[test]
    fn a_missing_file_is_an_error() {
        assert_eq!(Checksum::read(Path::new("/nowhere/at/all")).unwrap_err().kind(), io::ErrorKind::NotFound);
    }
}
