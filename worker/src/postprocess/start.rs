//! What FFmpeg needs once per process.

use std::sync::OnceLock;

use ffmpeg_next::log::{self, Level};

use super::{PostprocessError, Variant};

/// Readies FFmpeg on the first call; later calls do nothing. FFmpeg prints errors only, to standard error.
pub(super) fn start() -> Result<(), PostprocessError> {
    static STARTED: OnceLock<Result<(), ffmpeg_next::Error>> = OnceLock::new();
    let started = STARTED.get_or_init(|| {
        ffmpeg_next::init()?;
        log::set_level(Level::Error);
        Ok(())
    });
    started.map_err(PostprocessError::encoder(Variant::Video))
}

/// Does `work` without that FFmpeg prints anything, in the whole process.
pub(super) fn hushed<T>(work: impl FnOnce() -> T) -> T {
    // A start within the work would undo it; if it fails, so does the work.
    let _ = start();
    log::set_level(Level::Quiet);
    let done = work();
    log::set_level(Level::Error);
    done
}
