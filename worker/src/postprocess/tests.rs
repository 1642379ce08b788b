//! The whole stage, judged by the `ffprobe` and `ffmpeg` commands.

use std::io::BufReader;
use std::path::Path;

use image::codecs::webp::WebPDecoder;
use image::{AnimationDecoder, ImageFormat, ImageReader, Rgb};
use tokio::sync::mpsc;

use super::ffprobe::{decode_rgb, frame_times, probe};
use super::*;

/// A stream of `sent` frames that announces `frames`.
pub(super) fn footage(frames: u32, sent: u32, fps: u32, draw: fn(u32) -> Frame) -> Footage {
    let (sender, stream) = mpsc::channel(2);
    std::thread::spawn(move || (0..sent).try_for_each(|index| sender.blocking_send(Piece::Frame(draw(index)))));
    Footage { fps, frames, engine: "preview".to_owned(), stream }
}

/// Something that moves, 64 x 64.
pub(super) fn moving(index: u32) -> Frame {
    Frame::from_fn(64, 64, |x, y| Rgb([(x * 4 + index) as u8, (y * 4) as u8, (index * 5) as u8]))
}

fn clip_of(footage: Footage, width: u32, height: u32) -> Clip {
    let recipe = Recipe::plain(Target { width, height }, footage.fps);
    postprocess(footage, &recipe, &std::env::temp_dir()).unwrap()
}

fn file(clip: &Clip, variant: Variant) -> &ClipFile {
    clip.files.iter().find(|file| file.variant == variant).unwrap()
}

fn path(clip: &Clip, variant: Variant) -> &Path {
    &file(clip, variant).path
}

fn close(one: &[u8], other: &[u8], steps: u8) -> bool {
    one.iter().zip(other).all(|(one, other)| one.abs_diff(*other) <= steps)
}

#[test]
fn the_video_is_what_players_expect() {
    let clip = clip_of(footage(48, 48, 24, moving), 64, 64);
    let told = probe(path(&clip, Variant::Video));
    let stream = &told["streams"][0];
    let strings = [
        ("codec_name", "h264"),
        ("profile", "High"),
        ("pix_fmt", "yuv420p"),
        ("color_space", "bt709"),
        ("color_primaries", "bt709"),
        ("color_transfer", "bt709"),
        ("color_range", "tv"),
        ("chroma_location", "center"),
        ("field_order", "progressive"),
        ("sample_aspect_ratio", "1:1"),
        ("r_frame_rate", "24/1"),
        ("avg_frame_rate", "24/1"),
        ("start_time", "0.000000"),
        ("duration", "2.000000"),
        ("nb_frames", "48"),
        ("nb_read_frames", "48"),
    ];
    for (name, expected) in strings {
        assert_eq!(stream[name], expected, "{name}");
    }
    assert_eq!((stream["width"].as_u64(), stream["height"].as_u64()), (Some(64), Some(64)));
    assert_eq!(told["format"]["duration"], "2.000000");
    assert_eq!(told["format"]["tags"]["comment"], "Rendered by Clipmill (engine: preview)");
    assert_eq!(clip.frames, 48);
}

#[test]
fn every_frame_has_its_exact_time() {
    for fps in [1, 8, 24, 25, 30, 60] {
        let clip = clip_of(footage(7, 7, fps, moving), 64, 64);
        let expected: Vec<_> = (0..7).map(|index| format!("{:.6}", f64::from(index) / f64::from(fps))).collect();
        assert_eq!(frame_times(path(&clip, Variant::Video)), expected, "{fps} frames per second");
        let duration = format!("{:.6}", 7.0 / f64::from(fps));
        let told = probe(path(&clip, Variant::Video));
        assert_eq!(
            (&told["streams"][0]["duration"], &told["format"]["duration"]),
            (&duration.clone().into(), &duration.into())
        );
    }
}

#[test]
fn the_index_stands_before_the_pictures() {
    let clip = clip_of(footage(10, 10, 24, moving), 64, 64);
    let bytes = std::fs::read(path(&clip, Variant::Video)).unwrap();
    let mut boxes = Vec::new();
    let mut at = 0;
    while at < bytes.len() {
        boxes.push(String::from_utf8_lossy(&bytes[at + 4..at + 8]).into_owned());
        at += u32::from_be_bytes(bytes[at..at + 4].try_into().unwrap()) as usize;
    }
    let place = |name: &str| boxes.iter().position(|found| found == name).unwrap();
    assert!(place("moov") < place("mdat"), "{boxes:?}");
}

#[test]
fn the_encoder_heeds_its_settings() {
    let clip = clip_of(footage(2, 2, 24, moving), 64, 64);
    let bytes = std::fs::read(path(&clip, Variant::Video)).unwrap();
    // libx264 writes its settings into the stream.
    let text = String::from_utf8_lossy(&bytes);
    for setting in ["crf=19.0", "keyint=48", "subme=2", "open_gop=0"] {
        assert!(text.contains(setting), "{setting}");
    }
}

#[test]
fn colours_survive_encoding_and_decoding() {
    const COLOURS: [[u8; 3]; 9] = [
        [255, 0, 0],
        [0, 255, 0],
        [0, 0, 255],
        [0, 0, 0],
        [64, 64, 64],
        [128, 128, 128],
        [255, 255, 255],
        [224, 172, 135],
        [92, 58, 41],
    ];
    let clip = clip_of(footage(9, 9, 24, |index| Frame::from_pixel(64, 48, Rgb(COLOURS[index as usize]))), 64, 48);
    let decoded = decode_rgb(path(&clip, Variant::Video));
    assert_eq!(decoded.len(), 9 * 64 * 48 * 3);
    for (frame, colour) in decoded.chunks_exact(64 * 48 * 3).zip(COLOURS) {
        let wrong = frame.chunks_exact(3).find(|pixel| !close(pixel, &colour, 2));
        assert_eq!(wrong, None, "{colour:?}");
    }
}

#[test]
fn the_thumbnail_is_the_frame_at_a_third() {
    let clip = clip_of(footage(30, 30, 24, |index| Frame::from_pixel(64, 48, Rgb([index as u8 * 8, 20, 200]))), 64, 48);
    let reader = ImageReader::open(path(&clip, Variant::Thumbnail)).unwrap().with_guessed_format().unwrap();
    assert_eq!(reader.format(), Some(ImageFormat::WebP));
    let picture = reader.decode().unwrap();
    assert!(!picture.color().has_alpha());
    let picture = picture.into_rgb8();
    assert_eq!(picture.dimensions(), (64, 48));
    assert!(picture.pixels().all(|pixel| close(&pixel.0, &[80, 20, 200], 4)), "{:?}", picture.get_pixel(5, 5));
}

#[test]
fn the_spritesheet_is_a_jpeg_of_the_told_size() {
    let clip = clip_of(footage(30, 30, 24, moving), 64, 64);
    let sheet = file(&clip, Variant::Spritesheet);
    let reader = ImageReader::open(&sheet.path).unwrap().with_guessed_format().unwrap();
    assert_eq!(reader.format(), Some(ImageFormat::Jpeg));
    assert_eq!(reader.decode().unwrap().into_rgb8().dimensions(), (320, 320));
    assert_eq!((sheet.width, sheet.height), (320, 320));
}

#[test]
fn the_preview_moves_at_the_videos_speed_and_repeats() {
    let clip = clip_of(footage(48, 48, 24, moving), 64, 64);
    let reader = BufReader::new(std::fs::File::open(path(&clip, Variant::Preview)).unwrap());
    let decoder = WebPDecoder::new(reader).unwrap();
    assert!(decoder.has_animation());
    let frames = decoder.into_frames().collect_frames().unwrap();
    assert_eq!(frames.len(), 16);
    assert!(frames.iter().all(|frame| frame.buffer().dimensions() == (64, 64)));
    let milliseconds = frames.iter().map(|frame| frame.delay().numer_denom_ms());
    assert_eq!(milliseconds.map(|(numerator, denominator)| numerator / denominator).sum::<u32>(), 2000);
    // The loop count of the animation's ANIM chunk; 0 is for ever.
    let bytes = std::fs::read(path(&clip, Variant::Preview)).unwrap();
    let anim = bytes.windows(4).position(|window| window == b"ANIM").unwrap();
    assert_eq!(bytes[anim + 12..anim + 14], [0, 0]);
}

#[test]
fn every_file_is_told_with_its_size_and_checksum() {
    let clip = clip_of(footage(5, 5, 24, moving), 64, 64);
    let names: Vec<_> = clip.files.iter().map(|file| file.path.file_name().unwrap().to_str().unwrap()).collect();
    assert_eq!(names, ["video.mp4", "thumbnail.webp", "spritesheet.jpg", "spritesheet.vtt", "preview.webp"]);
    for file in &clip.files {
        let bytes = std::fs::read(&file.path).unwrap();
        assert_eq!(file.size_bytes, bytes.len() as u64);
        let told = std::process::Command::new("sha256sum").arg(&file.path).output().unwrap().stdout;
        assert_eq!(hex::encode(file.sha256).as_bytes(), &told[..64]);
    }
}

#[test]
fn a_clip_of_one_frame_is_complete() {
    let clip = clip_of(footage(1, 1, 24, moving), 64, 64);
    let told = probe(path(&clip, Variant::Video));
    assert_eq!(told["streams"][0]["nb_read_frames"], "1");
    assert_eq!(told["streams"][0]["duration"], "0.041667");
    for variant in [Variant::Thumbnail, Variant::Spritesheet, Variant::Preview] {
        let picture = ImageReader::open(path(&clip, variant)).unwrap().decode().unwrap();
        assert_eq!((picture.width(), picture.height()), (64, 64), "{variant}");
    }
}

#[test]
fn smaller_and_changing_frames_are_scaled_to_the_asked_size() {
    let draw = |index| Frame::from_pixel(32 + 10 * index, 18 + 6 * index, Rgb([200, 40, 90]));
    let clip = clip_of(footage(4, 4, 24, draw), 128, 72);
    let stream = &probe(path(&clip, Variant::Video))["streams"][0];
    assert_eq!((stream["width"].as_u64(), stream["height"].as_u64()), (Some(128), Some(72)));
    assert_eq!(stream["nb_read_frames"], "4");
    let decoded = decode_rgb(path(&clip, Variant::Video));
    assert!(decoded.chunks_exact(3).all(|pixel| close(pixel, &[200, 40, 90], 2)));
    assert_eq!(image::image_dimensions(path(&clip, Variant::Thumbnail)).unwrap(), (128, 72));
}

#[test]
fn the_same_frames_give_the_same_pictures() {
    // Not the same video: libx264 looks at memory that it has not written, and decides some trifles by it.
    let checksums = || -> Vec<_> {
        let clip = clip_of(footage(30, 30, 24, moving), 64, 64);
        clip.files.iter().filter(|file| file.variant != Variant::Video).map(|file| file.sha256).collect()
    };
    assert_eq!(checksums().len(), 4);
    assert_eq!(checksums(), checksums());
}

#[test]
fn an_engines_name_cannot_break_the_metadata() {
    let engine = "wan\0=\n;'2".to_owned();
    let clip = clip_of(Footage { engine, ..footage(2, 2, 24, moving) }, 64, 64);
    let told = probe(path(&clip, Variant::Video));
    assert_eq!(told["format"]["tags"]["comment"], "Rendered by Clipmill (engine: wan=;'2)");
}
