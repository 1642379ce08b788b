//! Opening an encoder.

use clipmill_shared::jobs::options::Quality;
use ffmpeg_next as ffmpeg;
use ffmpeg_next::codec::{self, threading};
use ffmpeg_next::encoder::video::Encoder;
use ffmpeg_next::format::Pixel;
use ffmpeg_next::{Dictionary, Rational, color};

use super::candidate::Candidate;
use crate::postprocess::Target;
use crate::postprocess::error::Cause;

/// A key frame at least this often, so that seeking is quick.
const KEY_FRAME_SECONDS: u32 = 2;

/// Opens `candidate` for planar YUV 4:2:0 of `size` at `fps` frames per second; its clock ticks once a frame.
pub(super) fn open(candidate: &Candidate, quality: Quality, size: Target, fps: u32) -> Result<Encoder, Cause> {
    let name = candidate.name;
    let codec = ffmpeg::encoder::find_by_name(name).ok_or_else(|| format!("this FFmpeg was built without {name}"))?;
    let rate = Rational(i32::try_from(fps)?, 1);
    let mut video = codec::Context::new_with_codec(codec).encoder().video()?;
    video.set_width(size.width);
    video.set_height(size.height);
    video.set_format(Pixel::YUV420P);
    video.set_aspect_ratio(Rational(1, 1));
    video.set_time_base(rate.invert());
    video.set_frame_rate(Some(rate));
    video.set_gop(fps.saturating_mul(KEY_FRAME_SECONDS));
    video.set_colorspace(color::Space::BT709);
    video.set_color_primaries(color::Primaries::BT709);
    video.set_color_transfer_characteristic(color::TransferCharacteristic::BT709);
    video.set_color_range(color::Range::MPEG);
    // Setting flags drops the encoder's own default, which is closed groups: a player can start at each key frame.
    video.set_flags(codec::Flags::GLOBAL_HEADER | codec::Flags::CLOSED_GOP);
    // A count of 0 lets the encoder use all cores; the default is one.
    video.set_threading(threading::Config::kind(threading::Type::Frame));
    Ok(video.open_with(Dictionary::from_iter(candidate.settings(quality)))?)
}
