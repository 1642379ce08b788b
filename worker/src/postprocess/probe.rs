//! What a finished file really holds, read from the file itself.

use std::path::Path;

use ffmpeg_next::{Error, format, media};

use super::start;

/// The video stream of a file.
#[derive(Debug, Clone, PartialEq)]
pub struct Probe {
    /// Name of the codec, such as `h264`.
    pub codec: &'static str,
    /// Width in pixels.
    pub width: u32,
    /// Height in pixels.
    pub height: u32,
    /// Frames per second.
    pub fps: f64,
    /// Frames, counted.
    pub frames: usize,
    /// Length in seconds.
    pub seconds: f64,
}

/// Reads what `path` holds.
pub fn probe(path: &Path) -> Result<Probe, Error> {
    start::start().map_err(|_| Error::Unknown)?;
    let mut input = format::input(path)?;
    let seconds = input.duration() as f64 / f64::from(ffmpeg_next::ffi::AV_TIME_BASE);
    let stream = input.streams().best(media::Type::Video).ok_or(Error::StreamNotFound)?;
    let (index, fps) = (stream.index(), stream.avg_frame_rate().into());
    let codec = stream.parameters().id().name();
    let video = ffmpeg_next::codec::Context::from_parameters(stream.parameters())?.decoder().video()?;
    let (width, height) = (video.width(), video.height());
    let frames = input.packets().filter(|(stream, _)| stream.index() == index).count();
    Ok(Probe { codec, width, height, fps, frames, seconds })
}
