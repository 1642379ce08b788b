//! The pictures of an encoded video, as frames at a constant rate.

use ffmpeg_next as ffmpeg;
use ffmpeg_next::format::context::Input;
use ffmpeg_next::{Packet, Rational, Rescale as _, color, decoder, frame, media};

use super::{broken, receive};
use crate::engine::{EngineError, Frame, FrameSink};
use crate::postprocess::chain::Chain;
use crate::postprocess::error::Cause;

/// How long the last picture may stand when the file is shorter than was asked for, in seconds.
const HOLD: Rational = Rational(1, 2);

/// Decodes pictures and shows each at its time: some come twice, and some never.
pub(super) struct Pictures {
    index: usize,
    decoder: decoder::Video,
    chain: Option<Chain>,
    /// The clock of the file, and when on it the first picture is shown.
    time: Rational,
    start: i64,
    /// When the last picture ends, after `start`.
    end: i64,
    fps: u32,
    wanted: u32,
    got: u32,
}

impl Pictures {
    /// Readies the file's best pictures, to become `frames` frames at `fps` a second.
    pub(super) fn open(input: &Input, frames: u32, fps: u32) -> Result<Self, EngineError> {
        let (index, decoder) = super::decoder(input, media::Type::Video)?.ok_or_else(|| broken("it shows nothing"))?;
        let decoder = decoder.video().map_err(broken)?;
        let stream = input.stream(index).ok_or_else(|| broken(ffmpeg::Error::StreamNotFound))?;
        let start = if stream.start_time() == ffmpeg::ffi::AV_NOPTS_VALUE { 0 } else { stream.start_time() };
        let time = stream.time_base();
        Ok(Self { index, decoder, chain: None, time, start, end: 0, fps, wanted: frames, got: 0 })
    }

    /// The number of their stream.
    pub(super) fn index(&self) -> usize {
        self.index
    }

    /// Whether all frames are delivered.
    pub(super) fn is_complete(&self) -> bool {
        self.got == self.wanted
    }

    /// When the first picture is shown, on another clock of the same file.
    pub(super) fn start(&self, time: Rational) -> i64 {
        self.start.rescale(self.time, time)
    }

    /// How long all frames are to last, on a clock.
    pub(super) fn length(&self, time: Rational) -> i64 {
        i64::from(self.wanted).rescale(Rational(1, self.fps.max(1) as i32), time)
    }

    /// Decodes the next packet of the stream.
    pub(super) fn decode(&mut self, packet: &Packet, out: &mut dyn FrameSink) -> Result<(), EngineError> {
        self.decoder.send_packet(packet).map_err(broken)?;
        self.take_decoded(out)
    }

    /// Decodes what is still held back.
    pub(super) fn finish(mut self, out: &mut dyn FrameSink) -> Result<(), EngineError> {
        if !self.is_complete() {
            self.decoder.send_eof().map_err(broken)?;
            self.take_decoded(out)?;
            let end = self.end.saturating_add(1_i64.rescale(HOLD, self.time));
            if let Some(chain) = &mut self.chain {
                chain.close(end).map_err(broken)?;
            }
            self.deliver(out)?;
        }
        let (got, wanted) = (self.got, self.wanted);
        if got < wanted { Err(broken(format!("it ends after {got} of {wanted} frames"))) } else { Ok(()) }
    }

    fn take_decoded(&mut self, out: &mut dyn FrameSink) -> Result<(), EngineError> {
        let mut picture = frame::Video::empty();
        while receive(&mut self.decoder, &mut picture)? {
            let time = picture.timestamp().map_or(self.end, |time| time.saturating_sub(self.start));
            picture.set_pts(Some(time));
            self.end = time.saturating_add(picture.packet().duration.max(0));
            let chain = match &mut self.chain {
                Some(chain) => chain,
                None => self.chain.insert(chain(&picture, self.time, self.fps).map_err(broken)?),
            };
            chain.push(&picture).map_err(broken)?;
            self.deliver(out)?;
        }
        Ok(())
    }

    fn deliver(&mut self, out: &mut dyn FrameSink) -> Result<(), EngineError> {
        let mut picture = frame::Video::empty();
        let Some(chain) = &mut self.chain else { return Ok(()) };
        while self.got < self.wanted && chain.take(&mut picture).map_err(broken)? {
            out.push(packed(&picture).ok_or_else(|| broken("a picture has no pixels"))?)?;
            self.got += 1;
        }
        Ok(())
    }
}

/// What makes RGB of pictures like `first`, at a constant rate, by the colours that they claim. Those that claim none are BT.601 in any
/// size: so FFmpeg's scaler makes them, by which libraries write RGB without saying so.
fn chain(first: &frame::Video, time: Rational, fps: u32) -> Result<Chain, Cause> {
    let format = first.format().descriptor().ok_or("its pictures are of no known kind")?.name();
    let (width, height) = (first.width(), first.height());
    let input = format!("video_size={width}x{height}:pix_fmt={format}:time_base={time}:pixel_aspect=1/1");
    let matrix = if first.color_space() == color::Space::Unspecified { "bt601" } else { "auto" };
    let rgb = format!("scale=flags=bicubic+accurate_rnd+full_chroma_int:in_color_matrix={matrix},format=rgb24");
    Chain::of_pictures(&input, &format!("{rgb},fps=fps={fps}:start_time=0"))
}

/// The picture without what FFmpeg pads its rows with.
fn packed(picture: &frame::Video) -> Option<Frame> {
    let (width, height) = (picture.width(), picture.height());
    let row = width as usize * 3;
    let mut pixels = Vec::with_capacity(row * height as usize);
    for line in picture.data(0).chunks(picture.stride(0)).take(height as usize) {
        pixels.extend_from_slice(line.get(..row)?);
    }
    Frame::from_raw(width, height, pixels)
}
