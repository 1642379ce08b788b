//! What FFmpeg needs once per process.

use std::sync::OnceLock;

use super::{PostprocessError, Variant};

/// Readies FFmpeg on the first call; later calls do nothing. FFmpeg prints errors only, to standard error.
pub(super) fn start() -> Result<(), PostprocessError> {
    static STARTED: OnceLock<Result<(), ffmpeg_next::Error>> = OnceLock::new();
    let started = STARTED.get_or_init(|| {
        ffmpeg_next::init()?;
        ffmpeg_next::log::set_level(ffmpeg_next::log::Level::Error);
        Ok(())
    });
    started.map_err(PostprocessError::encoder(Variant::Video))
}
