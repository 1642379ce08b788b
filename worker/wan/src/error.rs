//! What can go wrong between a model folder and the last frame.

use std::path::PathBuf;

/// The crate's result.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Why a model could not be loaded, or a render did not end in frames.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A file of a model folder is missing, damaged, or says something that this implementation does not support.
    #[error("{}: {reason}", file.display())]
    Folder {
        /// The file, or the folder where one is missing.
        file: PathBuf,
        /// What is wrong with which key, and what is supported.
        reason: String,
    },
    /// The request can never be rendered by this model; the text may be shown to the customer.
    #[error("{0}")]
    Rejected(String),
    /// It needs more memory than there is.
    #[error("{what} needs {} MiB of memory and {} MiB are free", needed_bytes >> 20, free_bytes >> 20)]
    Memory {
        /// What would be loaded or rendered.
        what: String,
        /// Bytes that it takes.
        needed_bytes: u64,
        /// Bytes that there are.
        free_bytes: u64,
    },
    /// A number that is not finite turned up.
    #[error("{0} holds a number that is not finite")]
    NotFinite(String),
    /// It was told to stop.
    #[error("stopped")]
    Stopped,
    /// The tensor library failed, for instance for want of memory.
    #[error(transparent)]
    Tensor(#[from] candle_core::Error),
}

/// A setting of a model that this implementation does not support.
#[derive(Debug, thiserror::Error)]
#[error("`{key}` {reason}")]
pub struct Unsupported {
    /// The key in the component's configuration.
    pub key: &'static str,
    /// What it is and what is supported.
    pub reason: String,
}

impl Unsupported {
    /// That `key` has a value which is not among what `reason` says is supported.
    pub fn new(key: &'static str, reason: impl Into<String>) -> Self {
        Self { key, reason: reason.into() }
    }

    /// Names the file whose key it is.
    pub fn within(self, file: impl Into<PathBuf>) -> Error {
        Error::Folder { file: file.into(), reason: self.to_string() }
    }
}
