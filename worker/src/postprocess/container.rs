//! The file around the packets: MP4, with its index in front or in fragments.

use std::path::Path;

use clipmill_shared::jobs::options::{Codec, Container};
use ffmpeg_next as ffmpeg;
use ffmpeg_next::encoder::video::Encoder;
use ffmpeg_next::format::context;
use ffmpeg_next::format::stream::StreamMut;
use ffmpeg_next::{Dictionary, Packet, Rational};

use super::sound::SoundTrack;
use super::{PostprocessError, Recipe, Variant};
use crate::engine::Sound;

/// Ticks of the file's clock per frame.
const TICKS_PER_FRAME: u32 = 1000;
/// A fragment begins with a key frame; with one that comes sooner than this after the last, in microseconds, it does not.
const FRAGMENT_MIN: &str = "1000000";

/// A video file that grows by packets.
///
/// In fragments it is only ever added to, so that it can be read while it grows; otherwise its index is put in front when it is done.
pub(super) struct VideoFile {
    output: context::Output,
    sound: Option<SoundTrack>,
    frame_time: Rational,
    stream_time: Rational,
}

impl VideoFile {
    /// Creates the file for what `encoder` makes, and for sound if there is any, and writes its header. `engine` goes into its metadata.
    pub(super) fn create(
        path: &Path,
        encoder: &Encoder,
        mut sound: Option<SoundTrack>,
        recipe: &Recipe,
        engine: &str,
    ) -> Result<Self, PostprocessError> {
        let path = path.to_str().ok_or_else(|| std::io::Error::other("the scratch folder's name is not UTF-8"))?;
        // With the protocol said, a colon in the path means nothing.
        let mut output = ffmpeg::format::output_as(&format!("file:{path}"), "mp4")
            .map_err(PostprocessError::writing(Variant::Video))?;
        add_stream(&mut output, encoder, recipe.codec).map_err(PostprocessError::encoder(Variant::Video))?;
        if let Some(sound) = &mut sound {
            sound.join(&mut output).map_err(PostprocessError::encoder(Variant::Video))?;
        }
        let (comment, label) = (comment(engine), recipe.origin.label.aigc());
        output.set_metadata(Dictionary::from_iter([("comment", comment.as_str()), ("AIGC", &label)]));
        let frame_time = encoder.frame_rate().invert();
        let ticks = frame_time.denominator().unsigned_abs().saturating_mul(TICKS_PER_FRAME).to_string();
        let clock = [("video_track_timescale", ticks.as_str()), ("movie_timescale", &ticks)];
        let options = Dictionary::from_iter(clock.iter().chain(layout(recipe.container)).copied());
        output.write_header_with(options).map_err(PostprocessError::writing(Variant::Video))?;
        let stream = output.stream(0).ok_or(ffmpeg::Error::StreamNotFound);
        let stream_time = stream.map_err(PostprocessError::encoder(Variant::Video))?.time_base();
        Ok(Self { output, sound, frame_time, stream_time })
    }

    /// Adds the encoder's next packet.
    pub(super) fn write(&mut self, mut packet: Packet) -> Result<(), PostprocessError> {
        packet.set_stream(0);
        // Some encoders leave it empty, and the muxer would have to guess how long the last frame lasts.
        packet.set_duration(1);
        packet.rescale_ts(self.frame_time, self.stream_time);
        packet.write_interleaved(&mut self.output).map_err(PostprocessError::writing(Variant::Video))
    }

    /// Adds the next stretch of sound.
    pub(super) fn sound(&mut self, sound: &Sound) -> Result<(), PostprocessError> {
        let late = PostprocessError::Sound("it did not begin before the first frame");
        self.sound.as_mut().ok_or(late)?.push(sound, &mut self.output)
    }

    /// Completes the file.
    pub(super) fn finish(mut self) -> Result<(), PostprocessError> {
        if let Some(sound) = self.sound.take() {
            sound.finish(&mut self.output)?;
        }
        self.output.write_trailer().map_err(PostprocessError::writing(Variant::Video))
    }
}

/// In both, metadata may have names of its own.
fn layout(container: Container) -> &'static [(&'static str, &'static str)] {
    match container {
        Container::Mp4 => &[("movflags", "+faststart+use_metadata_tags")],
        // The index of the first fragment waits for its frames, whose order says when the first is shown: else the video
        // would begin as late as its encoder reorders. The list of fragments at the end is left out: it helps only whoever
        // has the whole file.
        Container::FragmentedMp4 => &[
            ("movflags", "+frag_keyframe+delay_moov+default_base_moof+skip_trailer+use_metadata_tags"),
            ("min_frag_duration", FRAGMENT_MIN),
            ("flush_packets", "1"),
        ],
    }
}

fn add_stream(output: &mut context::Output, encoder: &Encoder, codec: Codec) -> Result<(), ffmpeg::Error> {
    let mut stream = output.add_stream_with(encoder)?;
    stream.set_time_base(encoder.frame_rate().invert());
    stream.set_avg_frame_rate(encoder.frame_rate());
    if codec == Codec::Hevc {
        // FFmpeg's own choice, hev1, says that parameters may change within the stream, and Apple's players refuse it.
        set_tag(&mut stream, *b"hvc1");
    }
    Ok(())
}

#[expect(unsafe_code, reason = "FFmpeg's wrapper has no other way to say how a codec is called in the file")]
fn set_tag(stream: &mut StreamMut<'_>, tag: [u8; 4]) {
    // SAFETY: a stream has parameters from its creation on, and nobody else holds them while it is borrowed.
    unsafe {
        (*(*stream.as_mut_ptr()).codecpar).codec_tag = u32::from_le_bytes(tag);
    }
}

fn comment(engine: &str) -> String {
    // FFmpeg's strings end at the first NUL.
    let engine: String = engine.chars().filter(|character| !character.is_control()).collect();
    format!("Rendered by Clipmill (engine: {engine})")
}
