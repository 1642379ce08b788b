//! Encoded files of engines, made by the `ffmpeg` command.

use std::fs;
use std::path::PathBuf;

use tempfile::TempDir;

use super::decode::decode;
use super::ffprobe::make;
use super::*;
use crate::engine::{EngineError, FrameSink};

/// Takes down what is decoded.
#[derive(Default)]
struct Reel {
    frames: Vec<Frame>,
    sounds: Vec<Sound>,
    announced: bool,
}

impl FrameSink for Reel {
    fn push(&mut self, frame: Frame) -> Result<(), EngineError> {
        self.frames.push(frame);
        Ok(())
    }

    fn sound(&mut self, sound: Sound) -> Result<(), EngineError> {
        self.announced |= self.frames.is_empty();
        self.sounds.push(sound);
        Ok(())
    }
}

impl Reel {
    fn of(path: &Path) -> Result<Self, EngineError> {
        let mut reel = Self::default();
        decode(path, 24, 24, &mut reel).map(|()| reel)
    }

    /// Which picture of the file each frame shows.
    fn pictures(&self) -> Vec<u32> {
        let light = |frame: &Frame| f64::from(frame.get_pixel(20, 20)[1]);
        self.frames.iter().map(|frame| (light(frame) * 219.0 / 255.0 / 8.0).round() as u32).collect()
    }

    /// How long the sound is, and how long it is loud, in seconds.
    fn heard(&self) -> (f64, f64) {
        let moments = |sound: &Sound| sound.samples.len() as f64 / f64::from(sound.channels) / f64::from(sound.rate);
        let is_loud = |sound: &&Sound| sound.samples.iter().any(|sample| sample.abs() > 0.05);
        (self.sounds.iter().map(moments).sum(), self.sounds.iter().filter(is_loud).map(moments).sum())
    }
}

/// A folder with a file of this name.
fn film(name: &str, options: &[&str]) -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(name);
    make(&path, options);
    (folder, path)
}

const H264: [&str; 6] = ["-c:v", "libx264", "-crf", "10", "-pix_fmt", "yuv420p"];

/// Pictures that are lighter from one to the next, each by a step of 8.
fn steps(fps: u32, seconds: f64) -> String {
    format!("color=black:size=64x48:rate={fps}:duration={seconds},geq=lum='16+mod(N,24)*8':cb=128:cr=128")
}

fn silent(name: &str, fps: u32, seconds: f64, more: &[&str]) -> (TempDir, PathBuf) {
    film(name, &[&["-f", "lavfi", "-i", &steps(fps, seconds)], &H264[..], more].concat())
}

fn sounding(name: &str, seconds: f64, tone: &str, more: &[&str]) -> (TempDir, PathBuf) {
    let inputs = ["-f", "lavfi", "-i", &steps(24, seconds), "-f", "lavfi", "-i", tone];
    film(name, &[&inputs, &H264[..], &["-c:a", "aac"], more].concat())
}

#[test]
fn a_file_gives_its_frames_and_its_sound() {
    for name in ["film.mp4", "film.mkv", "film.mov", "film.ts"] {
        let (_folder, path) = sounding(name, 1.0, "sine=f=440:sample_rate=44100:duration=1", &[]);
        let reel = Reel::of(&path).unwrap();
        assert_eq!(reel.pictures(), (0..24).collect::<Vec<_>>(), "{name}");
        assert!(reel.announced, "{name}: sound begins before the frames");
        assert!(reel.sounds.iter().all(|sound| (sound.rate, sound.channels) == (48_000, 1)), "{name}");
        let (all, loud) = reel.heard();
        assert!((all - 1.0).abs() < 0.1 && loud > 0.9, "{name}: {loud} of {all} seconds are loud");
    }
}

#[test]
fn a_file_without_sound_stays_silent() {
    let (_folder, path) = silent("film.mp4", 24, 1.0, &[]);
    assert!(Reel::of(&path).unwrap().sounds.is_empty());
}

#[test]
fn sound_that_begins_late_is_heard_late() {
    let (_folder, path) = sounding("film.mp4", 1.0, "sine=f=440:duration=1", &[]);
    let path = path.to_str().unwrap();
    let options = ["-i", path, "-itsoffset", "0.5", "-i", path, "-map", "0:v", "-map", "1:a", "-c", "copy"];
    let (_other, late) = film("late.mp4", &options);
    let sounds = Reel::of(&late).unwrap().sounds;
    let mut samples = sounds.iter().flat_map(|sound| &sound.samples);
    let first = samples.position(|sample| sample.abs() > 0.05).unwrap() as f64 / 48_000.0;
    assert!((first - 0.5).abs() < 0.03, "{first}");
}

#[test]
fn surround_is_mixed_down_to_stereo() {
    let (_folder, path) = sounding("film.mkv", 1.0, "sine=f=440:duration=1,aformat=channel_layouts=5.1", &[]);
    assert!(Reel::of(&path).unwrap().sounds.iter().all(|sound| sound.channels == 2));
}

#[test]
fn other_rates_are_brought_to_the_asked_one() {
    let (_folder, slow) = silent("film.mp4", 12, 1.0, &[]);
    assert_eq!(Reel::of(&slow).unwrap().pictures(), (0..24).map(|index| index / 2).collect::<Vec<_>>());
    // 24 steps at 48 a second are half a second, then they begin anew.
    let (_folder, quick) = silent("film.mp4", 48, 1.0, &[]);
    let pictures = Reel::of(&quick).unwrap().pictures();
    assert_eq!(pictures.len(), 24);
    let distance = |(index, picture): (usize, &u32)| (index as i64 * 2 % 24 - i64::from(*picture)).rem_euclid(24);
    assert!(pictures.iter().enumerate().all(|pair| matches!(distance(pair), 0 | 1 | 23)), "{pictures:?}");
}

#[test]
fn a_picture_stands_until_the_next_is_due() {
    let vfr = ["-vf", "select='not(between(n,6,17))'", "-fps_mode", "vfr"];
    let (_folder, path) = silent("film.mp4", 24, 1.0, &vfr);
    let expected: Vec<u32> = (0..24).map(|index| if (6..18).contains(&index) { 5 } else { index }).collect();
    assert_eq!(Reel::of(&path).unwrap().pictures(), expected);
}

#[test]
fn a_longer_file_is_cut_and_a_slightly_shorter_one_ends_on_a_still() {
    let (_folder, long) = sounding("film.mp4", 3.0, "sine=f=440:duration=3", &[]);
    let reel = Reel::of(&long).unwrap();
    assert_eq!(reel.frames.len(), 24);
    assert!(reel.heard().0 < 1.2, "{:?}", reel.heard());
    let (_folder, short) = silent("film.mp4", 24, 0.75, &[]);
    assert_eq!(Reel::of(&short).unwrap().pictures(), (0..24).map(|index| index.min(17)).collect::<Vec<_>>());
    let (_folder, half) = silent("film.mp4", 24, 0.25, &[]);
    assert!(matches!(Reel::of(&half), Err(EngineError::Transient(why)) if why.contains("of 24 frames")));
}

#[test]
fn a_file_of_another_size_fills_the_asked_one() {
    let (_folder, path) = sounding("film.mp4", 1.0, "sine=f=440:duration=1", &["-s", "96x80"]);
    let reel = Reel::of(&path).unwrap();
    assert!(reel.frames.iter().all(|frame| frame.dimensions() == (96, 80)));
}

#[test]
fn colours_of_a_file_are_those_that_it_claims() {
    for (matrix, claim) in [("bt709", "bt709"), ("bt601", "smpte170m"), ("bt601", "unknown")] {
        let colour = "color=0xC8285A:size=64x48:rate=24:duration=1,format=rgb24";
        let filter =
            format!("scale=out_color_matrix={matrix}:out_range=tv,format=yuv420p,setparams=colorspace={claim}");
        let options = ["-f", "lavfi", "-i", colour, "-vf", &filter, "-c:v", "libx264", "-crf", "1"];
        let (_folder, path) = film("film.mp4", &options);
        let reel = Reel::of(&path).unwrap();
        let pixel = reel.frames[3].get_pixel(20, 20).0;
        let close = pixel.iter().zip([200_u8, 40, 90]).all(|(one, other)| one.abs_diff(other) <= 4);
        assert!(close, "{claim}: {pixel:?}");
    }
}

fn refused(path: &Path) -> String {
    match Reel::of(path) {
        Err(EngineError::Transient(why)) => why,
        other => panic!("{}: {:?}", path.display(), other.map(|reel| reel.pictures())),
    }
}

#[test]
fn a_file_that_is_cut_off_is_refused() {
    for more in [&["-movflags", "+faststart"][..], &[]] {
        let (_folder, path) = sounding("film.mp4", 1.0, "sine=f=440:duration=1", more);
        let bytes = fs::read(&path).unwrap();
        for share in [0, 1, 2, 3] {
            fs::write(&path, &bytes[..bytes.len() * share / 5]).unwrap();
            refused(&path);
        }
    }
}

#[test]
fn what_is_no_video_is_refused() {
    let (folder, film) = silent("film.mp4", 24, 1.0, &[]);
    let texts = [
        "This is no video.".to_owned(),
        "ffconcat version 1.0\nfile film.mp4\n".to_owned(),
        format!("#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\n{}\n#EXT-X-ENDLIST\n", film.display()),
    ];
    for text in texts {
        for name in ["other.mp4", "other.ffconcat", "other.m3u8"] {
            let path = folder.path().join(name);
            fs::write(&path, &text).unwrap();
            refused(&path);
        }
    }
    refused(folder.path());
    refused(&folder.path().join("nothing.mp4"));
    let sound = folder.path().join("sound.mp4");
    make(&sound, &["-f", "lavfi", "-i", "sine=duration=1", "-c:a", "aac"]);
    assert!(refused(&sound).contains("it shows nothing"));
}

#[test]
fn a_file_of_too_many_pixels_is_refused() {
    let huge =
        ["-f", "lavfi", "-i", "color=size=4352x2304:rate=1:duration=1", "-c:v", "libx264", "-preset", "ultrafast"];
    let (_folder, path) = film("film.mp4", &huge);
    refused(&path);
}

#[test]
fn decoding_ends_when_nobody_wants_more() {
    struct Full(u32);
    impl FrameSink for Full {
        fn push(&mut self, _: Frame) -> Result<(), EngineError> {
            self.0 += 1;
            if self.0 == 3 { Err(EngineError::Stopped) } else { Ok(()) }
        }
    }
    let (_folder, path) = silent("film.mp4", 24, 1.0, &[]);
    let mut full = Full(0);
    assert!(matches!(decode(&path, 24, 24, &mut full), Err(EngineError::Stopped)));
    assert_eq!(full.0, 3);
}
