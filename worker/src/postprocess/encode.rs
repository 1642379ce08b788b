//! The video file: H.264 in MP4.

use std::path::Path;

use ffmpeg_next as ffmpeg;
use ffmpeg_next::codec::{self, threading};
use ffmpeg_next::encoder::video::Encoder;
use ffmpeg_next::format::{Pixel, context};
use ffmpeg_next::{Dictionary, Packet, Rational, color};

use super::error::Cause;
use super::label::Label;
use super::packet::next_packet;
use super::yuv420::Yuv420;
use super::{PostprocessError, Target, Variant};
use crate::engine::Frame;

/// How hard libx264 tries: the fastest preset whose files are about as small as those of slower ones.
const PRESET: &str = "veryfast";
/// libx264's constant rate factor, 0 to 51: at 19 the loss is hard to see.
const CRF: &str = "19";
/// A key frame at least this often, so that seeking is quick.
const KEY_FRAME_SECONDS: u32 = 2;
/// The index goes in front, and metadata may have names of its own.
const MOVFLAGS: &str = "+faststart+use_metadata_tags";
/// Ticks of the file's clock per frame.
const TICKS_PER_FRAME: u32 = 1000;

/// Encodes frames into an MP4 file as they come.
pub(super) struct VideoEncoder {
    encoder: Encoder,
    output: context::Output,
    converter: Yuv420,
    frame_time: Rational,
    stream_time: Rational,
    frames: u32,
}

impl VideoEncoder {
    /// Opens the encoder and creates the file. `engine` and `label` go into the file's metadata.
    pub(super) fn create(
        path: &Path,
        target: Target,
        fps: u32,
        engine: &str,
        label: &Label,
    ) -> Result<Self, PostprocessError> {
        let encoder = open_h264(target, fps).map_err(PostprocessError::encoder(Variant::Video))?;
        let metadata = Dictionary::from_iter([("comment", comment(engine).as_str()), ("AIGC", &label.aigc())]);
        let output = create_mp4(path, &encoder, fps, metadata)?;
        let stream = output.stream(0).ok_or(ffmpeg::Error::StreamNotFound);
        let stream_time = stream.map_err(PostprocessError::encoder(Variant::Video))?.time_base();
        let frame_time = encoder.frame_rate().invert();
        Ok(Self { encoder, output, converter: Yuv420::new(target), frame_time, stream_time, frames: 0 })
    }

    /// Adds the next frame, which must have the target's size.
    pub(super) fn push(&mut self, frame: &Frame) -> Result<(), PostprocessError> {
        let mut picture = self.converter.convert(frame).map_err(PostprocessError::encoder(Variant::Video))?;
        picture.set_pts(Some(i64::from(self.frames)));
        self.frames += 1;
        self.encoder.send_frame(&picture).map_err(PostprocessError::encoder(Variant::Video))?;
        self.write_ready()
    }

    /// Encodes what is still held back and completes the file.
    pub(super) fn finish(mut self) -> Result<(), PostprocessError> {
        self.encoder.send_eof().map_err(PostprocessError::encoder(Variant::Video))?;
        self.write_ready()?;
        self.output.write_trailer().map_err(PostprocessError::writing(Variant::Video))
    }

    fn write_ready(&mut self) -> Result<(), PostprocessError> {
        while let Some(packet) = next_packet(&mut self.encoder).map_err(PostprocessError::encoder(Variant::Video))? {
            self.write(packet).map_err(PostprocessError::writing(Variant::Video))?;
        }
        Ok(())
    }

    fn write(&mut self, mut packet: Packet) -> Result<(), ffmpeg::Error> {
        packet.set_stream(0);
        // libx264 leaves it empty, and the muxer would have to guess how long the last frame lasts.
        packet.set_duration(1);
        packet.rescale_ts(self.frame_time, self.stream_time);
        packet.write_interleaved(&mut self.output)
    }
}

fn open_h264(target: Target, fps: u32) -> Result<Encoder, Cause> {
    let codec = ffmpeg::encoder::find_by_name("libx264").ok_or("this FFmpeg was built without libx264")?;
    let rate = Rational(i32::try_from(fps)?, 1);
    let mut video = codec::Context::new_with_codec(codec).encoder().video()?;
    video.set_width(target.width);
    video.set_height(target.height);
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
    // A count of 0 lets libx264 use all cores; the default is one.
    video.set_threading(threading::Config::kind(threading::Type::Frame));
    let options = [("preset", PRESET), ("crf", CRF), ("profile", "high"), ("chroma_sample_location", "center")];
    Ok(video.open_with(Dictionary::from_iter(options))?)
}

/// Creates the file and writes its header.
fn create_mp4(
    path: &Path,
    encoder: &Encoder,
    fps: u32,
    metadata: Dictionary<'_>,
) -> Result<context::Output, PostprocessError> {
    let path = path.to_str().ok_or_else(|| std::io::Error::other("the scratch folder's name is not UTF-8"))?;
    // With the protocol said, a colon in the path means nothing.
    let mut output =
        ffmpeg::format::output_as(&format!("file:{path}"), "mp4").map_err(PostprocessError::writing(Variant::Video))?;
    add_stream(&mut output, encoder).map_err(PostprocessError::encoder(Variant::Video))?;
    output.set_metadata(metadata);
    let ticks = fps.saturating_mul(TICKS_PER_FRAME).to_string();
    let options = [("movflags", MOVFLAGS), ("video_track_timescale", &ticks), ("movie_timescale", &ticks)];
    output.write_header_with(Dictionary::from_iter(options)).map_err(PostprocessError::writing(Variant::Video))?;
    Ok(output)
}

fn add_stream(output: &mut context::Output, encoder: &Encoder) -> Result<(), ffmpeg::Error> {
    let mut stream = output.add_stream_with(encoder)?;
    stream.set_time_base(encoder.frame_rate().invert());
    stream.set_avg_frame_rate(encoder.frame_rate());
    Ok(())
}

fn comment(engine: &str) -> String {
    // FFmpeg's strings end at the first NUL.
    let engine: String = engine.chars().filter(|character| !character.is_control()).collect();
    format!("Rendered by Clipmill (engine: {engine})")
}
