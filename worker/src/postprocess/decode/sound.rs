//! The sound of an encoded video.

use ffmpeg_next as ffmpeg;
use ffmpeg_next::format::context::Input;
use ffmpeg_next::{Packet, Rational, Rescale as _, decoder, frame, media};

use super::pictures::Pictures;
use super::{broken, receive};
use crate::engine::{EngineError, FrameSink, Sound};
use crate::postprocess::chain::Chain;
use crate::postprocess::error::Cause;

/// Decodes sound, from the first picture's moment to the end of what was asked for.
pub(super) struct SoundStream {
    index: usize,
    decoder: decoder::Audio,
    channels: u16,
    chain: Option<Chain>,
    /// The clock of the file, and when on it the first picture is shown.
    time: Rational,
    start: i64,
    /// When the last sound ended and when the video ends, after `start`.
    end: i64,
    wanted: i64,
}

impl SoundStream {
    /// Samples per second and channel that are delivered.
    pub(super) const RATE: u32 = 48_000;

    /// Readies the file's best sound; `None` when it has none.
    pub(super) fn open(input: &Input, pictures: &Pictures) -> Result<Option<Self>, EngineError> {
        let Some((index, decoder)) = super::decoder(input, media::Type::Audio)? else { return Ok(None) };
        let decoder = decoder.audio().map_err(broken)?;
        let stream = input.stream(index).ok_or_else(|| broken(ffmpeg::Error::StreamNotFound))?;
        let time = stream.time_base();
        let channels = if decoder.channels() == 1 { 1 } else { 2 };
        let (start, wanted) = (pictures.start(time), pictures.length(time));
        Ok(Some(Self { index, decoder, channels, chain: None, time, start, end: 0, wanted }))
    }

    /// The number of its stream.
    pub(super) fn index(&self) -> usize {
        self.index
    }

    /// How many channels are delivered, 1 or 2: what has more is mixed down.
    pub(super) fn channels(&self) -> u16 {
        self.channels
    }

    /// Whether it has come to the end of what was asked for.
    pub(super) fn is_complete(&self) -> bool {
        self.end >= self.wanted
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
        }
        if let Some(chain) = &mut self.chain {
            chain.close(self.end).map_err(broken)?;
        }
        self.deliver(out)
    }

    fn take_decoded(&mut self, out: &mut dyn FrameSink) -> Result<(), EngineError> {
        let mut heard = frame::Audio::empty();
        while receive(&mut self.decoder, &mut heard)? {
            let time = heard.timestamp().map_or(self.end, |time| time.saturating_sub(self.start));
            let length = (heard.samples() as i64).rescale(Rational(1, heard.rate().max(1) as i32), self.time);
            self.end = time.saturating_add(length);
            // A gap is filled with silence: one that reaches beyond the end could be of any length.
            if time >= self.wanted || heard.samples() == 0 {
                continue;
            }
            heard.set_pts(Some(time));
            let chain = match &mut self.chain {
                Some(chain) => chain,
                None => self.chain.insert(chain(&heard, self.time, self.channels).map_err(broken)?),
            };
            chain.push(&heard).map_err(broken)?;
            self.deliver(out)?;
        }
        Ok(())
    }

    fn deliver(&mut self, out: &mut dyn FrameSink) -> Result<(), EngineError> {
        let mut heard = frame::Audio::empty();
        let Some(chain) = &mut self.chain else { return Ok(()) };
        while chain.take(&mut heard).map_err(broken)? {
            let samples = heard.plane::<f32>(0).to_vec();
            out.sound(Sound { rate: Self::RATE, channels: self.channels, samples })?;
        }
        Ok(())
    }
}

/// What makes plain samples of sound like `first`, with silence where the file has gaps.
fn chain(first: &frame::Audio, time: Rational, channels: u16) -> Result<Chain, Cause> {
    let (rate, format) = (first.rate(), first.format().name());
    let layout = match first.channel_layout() {
        unknown if unknown.is_empty() => format!("channels={}", first.channels()),
        known => format!("channel_layout=0x{:x}", known.bits()),
    };
    let input = format!("time_base={time}:sample_rate={rate}:sample_fmt={format}:{layout}");
    let target = if channels == 1 { "mono" } else { "stereo" };
    let filters =
        format!("aresample={}:async=1:first_pts=0,aformat=sample_fmts=flt:channel_layouts={target}", SoundStream::RATE);
    Chain::of_sound(&input, &filters)
}
