//! WebP pictures, still and animated, by FFmpeg's libwebp encoders.

use ffmpeg_next as ffmpeg;
use ffmpeg_next::encoder::video::Encoder;
use ffmpeg_next::format::Pixel;
use ffmpeg_next::{Dictionary, Rational, codec, frame};

use super::Target;
use super::error::Cause;
use super::packet::next_packet;
use crate::engine::Frame;

/// libwebp's quality, 0 to 100.
const QUALITY: &str = "80";

/// Encodes frames of one size into one WebP file in memory.
pub(super) struct WebpEncoder {
    encoder: Encoder,
    bytes: Vec<u8>,
}

impl WebpEncoder {
    /// For one picture.
    pub(super) fn still(size: Target) -> Result<Self, Cause> {
        Self::open("libwebp", size, 1)
    }

    /// For an animation that repeats for ever and whose time stamps count `1 / fps` seconds.
    pub(super) fn animation(size: Target, fps: u32) -> Result<Self, Cause> {
        Self::open("libwebp_anim", size, fps)
    }

    fn open(name: &str, size: Target, fps: u32) -> Result<Self, Cause> {
        let codec =
            ffmpeg::encoder::find_by_name(name).ok_or_else(|| format!("this FFmpeg was built without {name}"))?;
        let mut video = codec::Context::new_with_codec(codec).encoder().video()?;
        video.set_width(size.width);
        video.set_height(size.height);
        // libwebp converts RGB by its own format's rules, which are not those of video.
        video.set_format(Pixel::BGRA);
        video.set_time_base(Rational(1, i32::try_from(fps)?));
        let encoder = video.open_with(Dictionary::from_iter([("quality", QUALITY)]))?;
        Ok(Self { encoder, bytes: Vec::new() })
    }

    /// Adds a frame of the encoder's size to be shown at `time`.
    pub(super) fn push(&mut self, frame: &Frame, time: u32) -> Result<(), Cause> {
        let mut picture = bgra(frame);
        picture.set_pts(Some(i64::from(time)));
        self.encoder.send_frame(&picture)?;
        self.take_ready()
    }

    /// The finished file.
    pub(super) fn finish(mut self) -> Result<Vec<u8>, Cause> {
        self.encoder.send_eof()?;
        self.take_ready()?;
        Ok(self.bytes)
    }

    /// A packet of these encoders is a whole file, so no muxer is needed.
    fn take_ready(&mut self) -> Result<(), Cause> {
        while let Some(packet) = next_packet(&mut self.encoder)? {
            self.bytes.extend_from_slice(packet.data().unwrap_or_default());
        }
        Ok(())
    }
}

fn bgra(frame: &Frame) -> frame::Video {
    let mut picture = frame::Video::new(Pixel::BGRA, frame.width(), frame.height());
    let stride = picture.stride(0);
    for (row, pixels) in picture.data_mut(0).chunks_exact_mut(stride).zip(frame.rows()) {
        for (out, pixel) in row.chunks_exact_mut(4).zip(pixels) {
            let [red, green, blue] = pixel.0;
            out.copy_from_slice(&[blue, green, red, u8::MAX]);
        }
    }
    picture
}
