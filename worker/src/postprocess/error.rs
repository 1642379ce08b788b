//! Why post-processing failed.

use std::error::Error;
use std::io;

use super::Variant;
use super::provenance::CertificateError;

/// The reason below an encoder's failure, whichever library it comes from.
pub(super) type Cause = Box<dyn Error + Send + Sync>;

/// Why footage did not become a clip.
#[derive(Debug, thiserror::Error)]
pub enum PostprocessError {
    /// The stream ended early; only the caller knows whether the engine was stopped or failed.
    #[error("the stream ended after {got} of {expected} frames")]
    FramesMissing {
        /// Frames that arrived.
        got: u32,
        /// Frames that were announced; at least one.
        expected: u32,
    },
    /// The engine delivered more than it announced.
    #[error("the stream went on after the announced {expected} frames")]
    FramesSurplus {
        /// Frames that were announced.
        expected: u32,
    },
    /// The engine delivered sound that is none.
    #[error("the sound cannot be used: {0}")]
    Sound(&'static str),
    /// The scratch folder cannot be written: it is full, missing, read-only or broken.
    #[error("the clip's files cannot be written")]
    Disk(#[from] io::Error),
    /// The certificate that signs the files has run out while the worker ran.
    #[error("the clip's files cannot be signed")]
    Certificate(#[from] CertificateError),
    /// A picture or video library refused its work.
    #[error("the {part} cannot be encoded")]
    Encoder {
        /// The file at which it happened.
        part: Variant,
        /// What the library said.
        source: Cause,
    },
}

impl PostprocessError {
    /// For `map_err`: a library failed at `part`.
    pub(super) fn encoder<E: Into<Cause>>(part: Variant) -> impl FnOnce(E) -> Self {
        move |source| Self::Encoder { part, source: source.into() }
    }

    /// For `map_err`: FFmpeg failed to open or write the file of `part`.
    ///
    /// A muxer reports what the operating system said as `Other`; two of these numbers are also its own words for bad
    /// parameters and for memory.
    pub(super) fn writing(part: Variant) -> impl FnOnce(ffmpeg_next::Error) -> Self {
        move |error| match error {
            ffmpeg_next::Error::Other { errno }
                if errno != ffmpeg_next::error::EINVAL && errno != ffmpeg_next::error::ENOMEM =>
            {
                Self::Disk(io::Error::from_raw_os_error(errno))
            }
            other => Self::Encoder { part, source: other.into() },
        }
    }
}
