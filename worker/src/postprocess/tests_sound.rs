//! Sound beside the frames, judged by the `ffprobe` and `ffmpeg` commands.

use clipmill_shared::jobs::options::Container;
use image::Rgb;

use super::ffprobe::{decode_rgb, decode_sound, frame_times, probe};
use super::*;

const FPS: u32 = 24;
const FRAMES: u32 = 48;
/// The frames that are white, and at whose moments it clicks.
const FLASHES: [u32; 3] = [6, 20, 33];

fn flash(index: u32) -> Piece {
    let light = if FLASHES.contains(&index) { 255 } else { 0 };
    Piece::Frame(Frame::from_pixel(64, 64, Rgb([light; 3])))
}

/// A click of 20 ms at each flash: a tone of 1 kHz, the same in every channel.
fn clicks(rate: u32, channels: u16, seconds: f64) -> Sound {
    let level = |index: u32| {
        let time = f64::from(index) / f64::from(rate);
        let since = |flash: &u32| time - f64::from(*flash) / f64::from(FPS);
        let sounding = FLASHES.iter().map(since).find(|since| (0.0..0.02).contains(since));
        sounding.map_or(0.0, |since| 0.8 * (std::f64::consts::TAU * 1000.0 * since).sin()) as f32
    };
    let moments = 0..(f64::from(rate) * seconds) as u32;
    let samples = moments.flat_map(|index| std::iter::repeat_n(level(index), usize::from(channels)));
    Sound { rate, channels, samples: samples.collect() }
}

fn tone(seconds: f64) -> Sound {
    let samples = (0..(48_000.0 * seconds) as u32).map(|index| (index as f32 * 0.05).sin() * 0.5);
    Sound { rate: 48_000, channels: 1, samples: samples.collect() }
}

/// The sound in stretches of a tenth of a second.
fn stretches(sound: &Sound) -> Vec<Piece> {
    let stretch = |samples: &[f32]| Piece::Sound(Sound { samples: samples.to_vec(), ..*sound });
    sound.samples.chunks(sound.rate as usize / 10 * usize::from(sound.channels)).map(stretch).collect()
}

fn run(pieces: Vec<Piece>) -> Result<Clip, PostprocessError> {
    run_by(&Recipe::plain(Target { width: 64, height: 64 }, FPS), FRAMES, pieces)
}

fn run_by(recipe: &Recipe, frames: u32, pieces: Vec<Piece>) -> Result<Clip, PostprocessError> {
    let (sender, stream) = mpsc::channel(2);
    std::thread::spawn(move || pieces.into_iter().try_for_each(|piece| sender.blocking_send(piece)));
    let footage = Footage { fps: FPS, frames, engine: "preview".to_owned(), stream };
    postprocess(footage, recipe, &std::env::temp_dir())
}

fn frames() -> Vec<Piece> {
    (0..FRAMES).map(flash).collect()
}

fn video(clip: &Clip) -> &Path {
    &clip.files.iter().find(|file| file.variant == Variant::Video).unwrap().path
}

/// When, in seconds, it begins to be loud.
fn onsets(samples: &[f32]) -> Vec<f64> {
    let mut onsets: Vec<f64> = Vec::new();
    let mut loud_at = f64::MIN;
    for (index, _) in samples.iter().enumerate().filter(|(_, sample)| sample.abs() > 0.4) {
        let time = index as f64 / 48_000.0;
        if time - loud_at > 0.1 {
            onsets.push(time);
        }
        loud_at = time;
    }
    onsets
}

/// When, in seconds, the picture is white.
fn whites(path: &Path) -> Vec<f64> {
    let pictures = decode_rgb(path);
    let is_white = |(picture, _): &(&[u8], String)| picture[0] > 127;
    let shown = pictures.chunks_exact(64 * 64 * 3).zip(frame_times(path)).filter(is_white);
    shown.map(|(_, time)| time.parse().unwrap()).collect()
}

fn assert_in_sync(path: &Path, what: &str) {
    let (flashes, clicks) = (whites(path), onsets(&decode_sound(path)));
    assert_eq!((flashes.len(), clicks.len()), (3, 3), "{what}: {flashes:?}, {clicks:?}");
    for (flash, click) in flashes.into_iter().zip(clicks) {
        assert!((flash - click).abs() < 0.01, "{what}: a click at {click}, its flash at {flash}");
    }
}

#[test]
fn every_click_sounds_at_the_moment_of_its_flash() {
    for (rate, channels) in [(48_000, 2), (44_100, 2), (16_000, 1)] {
        let sound = clicks(rate, channels, 2.0);
        let announced = || vec![Piece::Sound(Sound::announce(rate, channels))];
        let before: Vec<_> = stretches(&sound).into_iter().chain(frames()).collect();
        let after: Vec<_> = announced().into_iter().chain(frames()).chain(stretches(&sound)).collect();
        let mut between = announced();
        let mut sounds = stretches(&sound).into_iter();
        for frame in frames() {
            between.push(frame);
            between.extend(sounds.next());
        }
        for (order, pieces) in [("before", before), ("after", after), ("between", between)] {
            let clip = run(pieces).unwrap();
            assert_in_sync(video(&clip), &format!("{rate} Hz, {order}"));
        }
    }
}

#[test]
fn sound_is_in_sync_in_fragments_too() {
    let recipe = Recipe { container: Container::FragmentedMp4, ..Recipe::plain(Target { width: 64, height: 64 }, FPS) };
    let pieces = stretches(&clicks(48_000, 2, 2.0)).into_iter().chain(frames()).collect();
    assert_in_sync(video(&run_by(&recipe, FRAMES, pieces).unwrap()), "fragments");
}

#[test]
fn sound_repeats_with_the_pictures() {
    let recipe = Recipe { overlap: 6, ..Recipe::plain(Target { width: 64, height: 64 }, FPS) };
    let frames = FRAMES + recipe.overlap;
    let pieces = stretches(&clicks(48_000, 2, 2.25)).into_iter().chain((0..frames).map(flash)).collect();
    let clip = run_by(&recipe, frames, pieces).unwrap();
    let told = probe(video(&clip));
    assert!((0..2).all(|track| told["streams"][track]["duration"] == "2.000000"));
    assert_in_sync(video(&clip), "a loop");
}

#[test]
fn a_video_whose_engine_is_silent_has_no_sound_track() {
    let told = probe(video(&run(frames()).unwrap()));
    assert_eq!(told["streams"].as_array().unwrap().len(), 1);
}

#[test]
fn sound_and_pictures_end_together_however_long_the_sound_is() {
    for seconds in [0.0, 0.5, 1.99, 2.0, 7.0] {
        let announced = Piece::Sound(Sound::announce(48_000, 1));
        let clip = run([announced].into_iter().chain(stretches(&tone(seconds))).chain(frames()).collect()).unwrap();
        let told = probe(video(&clip));
        assert_eq!(told["format"]["duration"], "2.000000", "{seconds} s of sound");
        for stream in told["streams"].as_array().unwrap() {
            let times = (&stream["start_time"], &stream["duration"]);
            assert_eq!(times, (&"0.000000".into(), &"2.000000".into()), "{seconds} s of sound");
        }
        let heard = &told["streams"][1];
        assert_eq!((&heard["codec_name"], &heard["profile"]), (&"aac".into(), &"LC".into()));
        assert_eq!((&heard["sample_rate"], &heard["channels"]), (&"48000".into(), &1.into()));
        let samples = decode_sound(video(&clip));
        let loud = samples.iter().rposition(|sample| sample.abs() > 0.1).map_or(0.0, |last| last as f64 / 48_000.0);
        assert!((loud - seconds.min(2.0)).abs() < 0.022, "{seconds} s of sound are heard until {loud} s");
    }
}

#[test]
fn stereo_stays_stereo() {
    let right = |index: u32| [0.0, (index as f32 * 0.05).sin() * 0.5];
    let samples = (0..96_000).flat_map(right).collect();
    let sound = Sound { rate: 48_000, channels: 2, samples };
    let clip = run(stretches(&sound).into_iter().chain(frames()).collect()).unwrap();
    let output = std::process::Command::new("ffmpeg")
        .args(["-v", "error", "-i"])
        .arg(video(&clip))
        .args(["-map", "0:a", "-f", "f32le", "-"])
        .output()
        .unwrap();
    let samples: Vec<_> = output.stdout.chunks_exact(4).map(|b| f32::from_le_bytes(b.try_into().unwrap())).collect();
    let peak = |channel: usize| samples.iter().skip(channel).step_by(2).fold(0.0_f32, |peak, s| peak.max(s.abs()));
    assert!(peak(0) < 0.05 && (0.4..1.0).contains(&peak(1)), "left {}, right {}", peak(0), peak(1));
}

#[test]
fn sound_louder_than_full_is_clipped() {
    let samples = tone(2.0).samples.iter().map(|sample| sample * 1e30).collect();
    let clip = run(stretches(&Sound { samples, ..tone(0.0) }).into_iter().chain(frames()).collect()).unwrap();
    let heard = decode_sound(video(&clip));
    // Clipped, a tone is a square wave, full all the time. Of the power of an exact one, FFmpeg's AAC leaves 0.85.
    let power = heard.iter().map(|sample| sample * sample).sum::<f32>() / heard.len() as f32;
    assert!((0.8..1.0).contains(&power), "{power}");
}

#[test]
fn sound_that_is_none_is_refused() {
    let sound = |rate, channels, samples: &[f32]| Piece::Sound(Sound { rate, channels, samples: samples.to_vec() });
    let start = |piece| [piece].into_iter().chain(frames()).collect();
    let bad: [(&str, Vec<Piece>); 9] = [
        ("NaN", start(sound(48_000, 1, &[0.0, f32::NAN]))),
        ("infinity", start(sound(48_000, 1, &[f32::INFINITY]))),
        ("no channel", start(sound(48_000, 0, &[0.0]))),
        ("six channels", start(sound(48_000, 6, &[0.0; 6]))),
        ("half a moment", start(sound(48_000, 2, &[0.0; 3]))),
        ("a rate of 0", start(sound(0, 1, &[0.0]))),
        ("a rate beyond all", start(sound(u32::MAX, 1, &[0.0]))),
        ("another rate later", vec![sound(48_000, 1, &[0.0]), sound(44_100, 1, &[0.0])]),
        ("sound after the first frame", vec![flash(0), sound(48_000, 1, &[0.0])]),
    ];
    for (what, pieces) in bad {
        let error = run(pieces).unwrap_err();
        assert!(matches!(error, PostprocessError::Sound(_)), "{what}: {error:?}");
    }
}
