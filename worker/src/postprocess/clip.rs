//! Finished files on local disk.

use std::io;
use std::path::{Path, PathBuf};

use tempfile::TempDir;

use super::checksum::Checksum;
use super::{Target, Variant};

/// Finished files on local disk. They vanish when it is dropped.
#[derive(Debug)]
pub struct Clip {
    /// The files, in the order of [`Variant`].
    pub files: Vec<ClipFile>,
    /// How many frames the video has.
    pub frames: u32,
    folder: TempDir,
}

impl Clip {
    pub(super) fn new(files: Vec<ClipFile>, frames: u32, folder: TempDir) -> Self {
        Self { files, frames, folder }
    }

    /// The folder that holds the files, and nothing else.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }
}

/// One finished file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClipFile {
    /// Which of the clip's files it is; knows the file's name and media type.
    pub variant: Variant,
    /// Where it lies.
    pub path: PathBuf,
    /// Its length in bytes.
    pub size_bytes: u64,
    /// The SHA-256 of its content.
    pub sha256: [u8; 32],
    /// Width of its picture in pixels.
    pub width: u32,
    /// Height of its picture in pixels.
    pub height: u32,
}

impl ClipFile {
    /// Describes the file of `variant` that lies in `folder`.
    pub(super) fn read(variant: Variant, folder: &Path, size: Target) -> io::Result<Self> {
        let path = folder.join(variant.file_name());
        let Checksum { size_bytes, sha256 } = Checksum::read(&path)?;
        Ok(Self { variant, path, size_bytes, sha256, width: size.width, height: size.height })
    }
}
