//! An encoded video becomes frames and sound again, at the rate and of the length that were asked for.
//!
//! The file comes from a model server, which is not ours: it is read as a plain file in one of a few containers that
//! cannot point at other files, and what it costs is bounded by what was asked for.

use std::fmt::Display;
use std::fs;
use std::path::Path;

use ffmpeg_next as ffmpeg;
use ffmpeg_next::format::context::Input;
use ffmpeg_next::{Dictionary, Packet, decoder, media};

use super::start;
use crate::engine::{EngineError, FrameSink, Sound};

mod pictures;
mod sound;

use pictures::Pictures;
use sound::SoundStream;

/// The longest file, in bytes.
const SIZE_MAX_BYTES: u64 = 1 << 30;
/// The most pixels of a picture, as a number for FFmpeg: 4096 x 2304.
const PIXELS_MAX: &str = "9437184";
/// The containers that are read, by FFmpeg's names: MP4 and QuickTime, Matroska and WebM, AVI, and transport streams.
const CONTAINERS: &str = "mov,matroska,avi,mpegts";
/// The most packets that are decoded for a second of video: three times those of 240 pictures and of the shortest portions of sound.
const PACKETS_PER_SECOND: u64 = 2000;

/// Decodes the video at `path` into `out`: exactly `frames` frames, `fps` a second, and its sound if it has any.
///
/// # Errors
///
/// [`EngineError::Transient`] when the file is none, is damaged, too short, or beyond a limit; else what `out` says.
pub(crate) fn decode(path: &Path, frames: u32, fps: u32, out: &mut dyn FrameSink) -> Result<(), EngineError> {
    start::start().map_err(broken)?;
    let mut input = open(path)?;
    let mut pictures = Pictures::open(&input, frames, fps)?;
    let mut sound = SoundStream::open(&input, &pictures)?;
    if let Some(sound) = &sound {
        out.sound(Sound::announce(SoundStream::RATE, sound.channels()))?;
    }
    let mut left = (u64::from(frames) / u64::from(fps.max(1)) + 2) * PACKETS_PER_SECOND;
    for (stream, packet) in input.packets() {
        if pictures.is_complete() && sound.as_ref().is_none_or(SoundStream::is_complete) {
            break;
        }
        let of_sound = sound.as_mut().filter(|sound| sound.index() == stream.index() && !sound.is_complete());
        if let Some(sound) = of_sound {
            sound.decode(usable(&packet)?, out)?;
        } else if stream.index() == pictures.index() && !pictures.is_complete() {
            pictures.decode(usable(&packet)?, out)?;
        } else {
            continue;
        }
        left = left.checked_sub(1).ok_or_else(|| broken("it is cut into too many packets"))?;
    }
    pictures.finish(out)?;
    sound.map_or(Ok(()), |sound| sound.finish(out))
}

/// What a file's fault is called. The text is for the log.
fn broken(error: impl Display) -> EngineError {
    EngineError::Transient(format!("its video file cannot be decoded: {error}"))
}

/// The packet, if it is whole.
fn usable(packet: &Packet) -> Result<&Packet, EngineError> {
    if packet.is_corrupt() { Err(broken("it is cut off or damaged")) } else { Ok(packet) }
}

fn open(path: &Path) -> Result<Input, EngineError> {
    let found = fs::metadata(path).map_err(broken)?;
    if !found.is_file() || found.len() > SIZE_MAX_BYTES {
        return Err(broken(format!("it is no file, or one of more than {SIZE_MAX_BYTES} bytes")));
    }
    let path = path.to_str().ok_or_else(|| broken("its name is not UTF-8"))?;
    let options = [("protocol_whitelist", "file"), ("format_whitelist", CONTAINERS)];
    // With the protocol said, a colon in the path means nothing.
    ffmpeg::format::input_with_dictionary(&format!("file:{path}"), Dictionary::from_iter(options)).map_err(broken)
}

/// A decoder for the best stream of a kind, and the stream's number; `None` when there is no such stream.
fn decoder(input: &Input, kind: media::Type) -> Result<Option<(usize, decoder::Opened)>, EngineError> {
    let Some(stream) = input.streams().best(kind) else { return Ok(None) };
    let context = ffmpeg::codec::Context::from_parameters(stream.parameters()).map_err(broken)?;
    let (codec, mut decoder) = (context.id(), context.decoder());
    decoder.set_packet_time_base(stream.time_base());
    let options = Dictionary::from_iter([("max_pixels", PIXELS_MAX)]);
    Ok(Some((stream.index(), decoder.open_as_with(codec, options).map_err(broken)?)))
}

/// Takes the next frame that `decoder` has ready. Says whether there was one.
fn receive(decoder: &mut decoder::Opened, frame: &mut ffmpeg::Frame) -> Result<bool, EngineError> {
    match decoder.receive_frame(frame) {
        Ok(()) => Ok(true),
        Err(ffmpeg::Error::Eof | ffmpeg::Error::Other { errno: ffmpeg::error::EAGAIN }) => Ok(false),
        Err(error) => Err(broken(error)),
    }
}
