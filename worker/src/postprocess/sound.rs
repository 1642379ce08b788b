//! The sound of a video: AAC, exactly as long as its pictures.

use ffmpeg_next as ffmpeg;
use ffmpeg_next::codec;
use ffmpeg_next::encoder::audio::Encoder;
use ffmpeg_next::format::{Sample, context, sample};
use ffmpeg_next::{ChannelLayout, Rational, frame};

use super::chain::Chain;
use super::error::Cause;
use super::packet::next_packet;
use super::{PostprocessError, Variant};
use crate::engine::Sound;

/// Samples per second of the file's sound.
const RATE: u32 = 48_000;
/// The clock of the file's sound.
const TIME: Rational = Rational(1, RATE as i32);
/// Bits per second of each channel: transparent for most ears.
const CHANNEL_BITS: usize = 80_000;
/// What rates engines may deliver.
const RATES: std::ops::RangeInclusive<u32> = 8_000..=192_000;

/// Encodes sound into a track of the video's file as it comes.
pub(super) struct SoundTrack {
    rate: u32,
    channels: u16,
    /// Samples per channel that came, and that the pictures last.
    taken: u64,
    wanted: u64,
    chain: Chain,
    encoder: Encoder,
    encoded: i64,
    stream: usize,
}

impl SoundTrack {
    /// A track for sound like `first`, to `frames` frames of footage at `fps` a second, of which the first `overlap` are
    /// not shown but blended into the last: the sound is cross-faded likewise.
    pub(super) fn open(first: &Sound, frames: u32, fps: u32, overlap: u32) -> Result<Self, PostprocessError> {
        let (rate, channels) = (first.rate, first.channels);
        check_format(first)?;
        let samples = |frames: u32, rate: u32| (u64::from(frames) * u64::from(rate)).div_ceil(u64::from(fps.max(1)));
        let filters = filters(channels, samples(frames, RATE), samples(overlap, RATE));
        let input = format!("sample_rate={rate}:sample_fmt=flt:channel_layout={}", layout_name(channels));
        let chain = Chain::of_sound(&input, &filters).map_err(PostprocessError::encoder(Variant::Video))?;
        let encoder = open_aac(channels).map_err(PostprocessError::encoder(Variant::Video))?;
        Ok(Self { rate, channels, taken: 0, wanted: samples(frames, rate), chain, encoder, encoded: 0, stream: 0 })
    }

    /// Takes its place in a file whose header is not written yet.
    pub(super) fn join(&mut self, output: &mut context::Output) -> Result<(), ffmpeg::Error> {
        let mut stream = output.add_stream_with(&self.encoder)?;
        stream.set_time_base(TIME);
        self.stream = stream.index();
        Ok(())
    }

    /// Adds the next stretch of sound. What goes beyond the pictures' end is dropped.
    pub(super) fn push(&mut self, sound: &Sound, output: &mut context::Output) -> Result<(), PostprocessError> {
        if (sound.rate, sound.channels) != (self.rate, self.channels) {
            return Err(PostprocessError::Sound("it changes its rate or its channels on the way"));
        }
        check_samples(sound)?;
        let channels = usize::from(self.channels);
        let missing = usize::try_from(self.wanted - self.taken).unwrap_or(usize::MAX);
        let count = missing.min(sound.samples.len() / channels);
        if count == 0 {
            return Ok(());
        }
        let mut frame = self.frame(&sound.samples[..count * channels]);
        frame.set_pts(Some(self.taken as i64));
        self.taken += count as u64;
        self.chain.push(&frame).map_err(PostprocessError::encoder(Variant::Video))?;
        self.write_ready(output)
    }

    /// Fills up with silence and completes the track.
    pub(super) fn finish(mut self, output: &mut context::Output) -> Result<(), PostprocessError> {
        self.chain.close(self.taken as i64).map_err(PostprocessError::encoder(Variant::Video))?;
        self.write_ready(output)?;
        self.encoder.send_eof().map_err(PostprocessError::encoder(Variant::Video))?;
        self.write_packets(output)
    }

    fn frame(&self, samples: &[f32]) -> frame::Audio {
        let layout = ChannelLayout::default(i32::from(self.channels));
        let count = samples.len() / usize::from(self.channels);
        let mut frame = frame::Audio::new(Sample::F32(sample::Type::Packed), count, layout);
        frame.set_rate(self.rate);
        for (out, sample) in frame.plane_mut::<f32>(0).iter_mut().zip(samples) {
            *out = sample.clamp(-1.0, 1.0);
        }
        frame
    }

    fn write_ready(&mut self, output: &mut context::Output) -> Result<(), PostprocessError> {
        let mut frame = frame::Audio::empty();
        while self.chain.take(&mut frame).map_err(PostprocessError::encoder(Variant::Video))? {
            frame.set_pts(Some(self.encoded));
            self.encoded += frame.samples() as i64;
            self.encoder.send_frame(&frame).map_err(PostprocessError::encoder(Variant::Video))?;
            self.write_packets(output)?;
        }
        Ok(())
    }

    /// The muxer puts sound and pictures in order, and what the encoder needs to run up into an edit list.
    fn write_packets(&mut self, output: &mut context::Output) -> Result<(), PostprocessError> {
        let time = output.stream(self.stream).map_or(TIME, |stream| stream.time_base());
        while let Some(mut packet) =
            next_packet(&mut self.encoder).map_err(PostprocessError::encoder(Variant::Video))?
        {
            packet.set_stream(self.stream);
            packet.rescale_ts(TIME, time);
            packet.write_interleaved(output).map_err(PostprocessError::writing(Variant::Video))?;
        }
        Ok(())
    }
}

/// What brings sound to the encoder's format, to `length` samples per channel, and to the portions that AAC wants. With
/// an `overlap`, so much of the beginning is faded in while the end fades out.
fn filters(channels: u16, length: u64, overlap: u64) -> String {
    let layout = layout_name(channels);
    let fitted = format!(
        "aresample={RATE},aformat=sample_fmts=fltp:channel_layouts={layout},apad=whole_len={length},atrim=end_sample={length}"
    );
    let looped = if overlap == 0 {
        String::new()
    } else {
        // FFmpeg's own crossfade forgets the fade when the second of its inputs ends before the first.
        let fade = length.saturating_sub(2 * overlap);
        format!(
            ",asplit[all][again];\
             [all]atrim=start_sample={overlap},asetpts=PTS-STARTPTS,afade=t=out:ss={fade}:ns={overlap}:curve=qsin[rest];\
             [again]atrim=end_sample={overlap},afade=t=in:ns={overlap}:curve=qsin,adelay={fade}S:all=1[head];\
             [rest][head]amix=inputs=2:duration=first:normalize=0"
        )
    };
    format!("{fitted}{looped},asetnsamples=n=1024:p=0")
}

fn layout_name(channels: u16) -> &'static str {
    if channels == 1 { "mono" } else { "stereo" }
}

fn open_aac(channels: u16) -> Result<Encoder, Cause> {
    let codec = ffmpeg::encoder::find_by_name("aac").ok_or("this FFmpeg was built without aac")?;
    let mut audio = codec::Context::new_with_codec(codec).encoder().audio()?;
    audio.set_rate(i32::try_from(RATE)?);
    audio.set_format(Sample::F32(sample::Type::Planar));
    audio.set_channel_layout(ChannelLayout::default(i32::from(channels)));
    audio.set_bit_rate(CHANNEL_BITS * usize::from(channels));
    audio.set_time_base(TIME);
    audio.set_flags(codec::Flags::GLOBAL_HEADER);
    Ok(audio.open()?)
}

fn check_format(sound: &Sound) -> Result<(), PostprocessError> {
    match sound {
        Sound { channels: 1 | 2, rate, .. } if RATES.contains(rate) => Ok(()),
        Sound { channels: 1 | 2, .. } => Err(PostprocessError::Sound("it has an impossible rate")),
        _ => Err(PostprocessError::Sound("it is neither mono nor stereo")),
    }
}

fn check_samples(sound: &Sound) -> Result<(), PostprocessError> {
    if !sound.samples.len().is_multiple_of(usize::from(sound.channels)) {
        return Err(PostprocessError::Sound("a channel has a sample more than the other"));
    }
    if !sound.samples.iter().all(|sample| sample.is_finite()) {
        return Err(PostprocessError::Sound("a sample is not a number"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What a second of mono sound becomes as 24 frames with an overlap of 6.
    fn looped(samples: &[f32]) -> Vec<f32> {
        let mut chain =
            Chain::of_sound("sample_rate=48000:sample_fmt=flt:channel_layout=mono", &filters(1, 48_000, 12_000))
                .unwrap();
        let mut frame = frame::Audio::new(Sample::F32(sample::Type::Packed), samples.len(), ChannelLayout::MONO);
        frame.set_rate(RATE);
        frame.set_pts(Some(0));
        frame.plane_mut::<f32>(0).copy_from_slice(samples);
        chain.push(&frame).unwrap();
        chain.close(samples.len() as i64).unwrap();
        let (mut looped, mut portion) = (Vec::new(), frame::Audio::empty());
        while chain.take(&mut portion).unwrap() {
            looped.extend_from_slice(portion.plane::<f32>(0));
        }
        looped
    }

    #[test]
    fn the_end_of_a_loop_flows_into_its_beginning() {
        let rising: Vec<f32> = (0..48_000).map(|index| index as f32 / 48_000.0).collect();
        let looped = looped(&rising);
        assert_eq!(looped.len(), 36_000);
        // Until the fade it is the sound from the overlap's end on, and it ends where it begins.
        assert!(looped.iter().zip(&rising[12_000..]).take(24_000).all(|(one, other)| (one - other).abs() < 1e-6));
        assert!((looped[35_999] - looped[0]).abs() < 1e-3, "{} and {}", looped[35_999], looped[0]);
    }
}
