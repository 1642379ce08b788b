//! What goes wrong, and what is left behind.

use std::io::ErrorKind;
use std::path::Path;
use std::process::Command;

use image::Rgb;

use super::encode::VideoEncoder;
use super::tests::{footage, moving};
use super::*;

const TARGET: Target = Target { width: 64, height: 64 };

fn is_empty(folder: &Path) -> bool {
    std::fs::read_dir(folder).unwrap().next().is_none()
}

/// A picture that does not compress.
fn noise(index: u32) -> Frame {
    let mut state = index.wrapping_mul(2_654_435_761) | 1;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 17;
        state ^= state << 5;
        state as u8
    };
    Frame::from_fn(64, 64, |_, _| Rgb([next(), next(), next()]))
}

/// A file system of its own, unmounted at the end. `None` for those who may not mount.
struct Mount(tempfile::TempDir);

impl Mount {
    fn tmpfs() -> Option<Self> {
        let folder = tempfile::tempdir().unwrap();
        let mut mount = Command::new("mount");
        let mounted = mount.args(["-t", "tmpfs", "-o", "size=4k", "tmpfs"]).arg(folder.path()).output();
        mounted.is_ok_and(|output| output.status.success()).then(|| Self(folder))
    }

    fn resize(&self, kib: u32) {
        let option = format!("remount,size={kib}k");
        assert!(Command::new("mount").args(["-o", &option]).arg(self.0.path()).status().unwrap().success());
    }
}

impl Drop for Mount {
    fn drop(&mut self) {
        assert!(Command::new("umount").arg("--lazy").arg(self.0.path()).status().unwrap().success());
    }
}

#[test]
fn a_dropped_clip_leaves_nothing_behind() {
    let scratch = tempfile::tempdir().unwrap();
    let clip = postprocess(footage(3, 3, 24, moving), &Recipe::plain(TARGET, 24), scratch.path()).unwrap();
    assert_eq!(std::fs::read_dir(clip.folder()).unwrap().count(), clip.files.len());
    drop(clip);
    assert!(is_empty(scratch.path()));
}

#[test]
fn a_stream_that_ends_early_is_told_apart() {
    let scratch = tempfile::tempdir().unwrap();
    for (announced, sent) in [(10, 7), (10, 0), (0, 0)] {
        let error =
            postprocess(footage(announced, sent, 24, moving), &Recipe::plain(TARGET, 24), scratch.path()).unwrap_err();
        let PostprocessError::FramesMissing { got, expected } = error else { panic!("{error:?}") };
        assert_eq!((got, expected), (sent, announced.max(1)));
        assert!(is_empty(scratch.path()));
    }
}

#[test]
fn a_stream_that_does_not_end_is_refused_and_closed() {
    let scratch = tempfile::tempdir().unwrap();
    let (sender, stream) = mpsc::channel(1);
    let engine =
        std::thread::spawn(move || (0..1000).find(|index| sender.blocking_send(Piece::Frame(moving(*index))).is_err()));
    let endless = Footage { fps: 24, frames: 5, engine: String::new(), stream };
    let error = postprocess(endless, &Recipe::plain(TARGET, 24), scratch.path()).unwrap_err();
    assert!(matches!(error, PostprocessError::FramesSurplus { expected: 5 }), "{error:?}");
    assert!(engine.join().unwrap().is_some_and(|index| index > 5));
    assert!(is_empty(scratch.path()));
}

#[test]
fn an_impossible_format_is_the_encoders_error() {
    let scratch = tempfile::tempdir().unwrap();
    let odd = Target { width: 63, height: 64 };
    for (target, fps) in [(odd, 24), (TARGET, 0), (TARGET, u32::MAX)] {
        let error = postprocess(footage(2, 2, fps, moving), &Recipe::plain(target, fps), scratch.path()).unwrap_err();
        assert!(matches!(error, PostprocessError::Encoder { part: Variant::Video, .. }), "{error:?}");
        assert!(is_empty(scratch.path()));
    }
}

#[test]
fn a_scratch_folder_that_cannot_be_used_is_the_disks_error() {
    let file = tempfile::NamedTempFile::new().unwrap();
    let unusable = [(Path::new("/nowhere/at/all"), ErrorKind::NotFound), (file.path(), ErrorKind::NotADirectory)];
    for (scratch, kind) in unusable {
        let error = postprocess(footage(2, 2, 24, moving), &Recipe::plain(TARGET, 24), scratch).unwrap_err();
        assert!(matches!(&error, PostprocessError::Disk(source) if source.kind() == kind), "{error:?}");
    }
}

#[test]
fn a_video_that_finds_no_room_is_the_disks_error() {
    start::start().unwrap();
    let encode = |frames| {
        let mut encoder =
            VideoEncoder::create(Path::new("/dev/full"), &Recipe::plain(TARGET, 24), &footage(0, 0, 24, moving), None)?;
        (0..frames).try_for_each(|index| encoder.push(&noise(index)))?;
        encoder.finish()
    };
    // One frame stays in memory until the file is completed; many do not.
    for frames in [1, 100] {
        let error = encode(frames).unwrap_err();
        let full = |source: &std::io::Error| source.kind() == ErrorKind::StorageFull;
        assert!(matches!(&error, PostprocessError::Disk(source) if full(source)), "{frames} frames: {error:?}");
    }
}

#[test]
fn wherever_the_disk_fills_up_the_clip_fails_and_nothing_is_left() {
    let Some(mount) = Mount::tmpfs() else {
        eprintln!("skipped: mounting a small file system needs root");
        return;
    };
    for (failures, kib) in (4..2000).step_by(8).enumerate() {
        mount.resize(kib);
        match postprocess(footage(20, 20, 24, noise), &Recipe::plain(TARGET, 24), mount.0.path()) {
            Ok(clip) => {
                let video = clip.files.iter().find(|file| file.variant == Variant::Video).unwrap();
                assert_eq!(ffprobe::probe(&video.path)["streams"][0]["nb_read_frames"], "20");
                assert!(failures > 10, "the clip is too small to fill a disk: {failures} failures");
                return;
            }
            Err(PostprocessError::Disk(source)) => assert_eq!(source.kind(), ErrorKind::StorageFull),
            Err(other) => panic!("at {kib} KiB: {other:?}"),
        }
        assert!(is_empty(mount.0.path()), "at {kib} KiB");
    }
    panic!("the clip never fitted");
}

#[test]
fn an_index_that_finds_no_room_is_the_disks_error() {
    let Some(mount) = Mount::tmpfs() else {
        eprintln!("skipped: mounting a small file system needs root");
        return;
    };
    start::start().unwrap();
    let path = mount.0.path().join("video.mp4");
    // So little picture that most of the file is its index, which is written last.
    let encode = || {
        let mut encoder = VideoEncoder::create(&path, &Recipe::plain(TARGET, 24), &footage(0, 0, 24, moving), None)?;
        (0..600).try_for_each(|_| encoder.push(&Frame::new(64, 64)))?;
        encoder.finish()
    };
    for kib in (4..1000).step_by(4) {
        mount.resize(kib);
        match encode() {
            Ok(_) => {
                assert_eq!(ffprobe::probe(&path)["streams"][0]["nb_read_frames"], "600");
                assert!(kib > 8, "the video is too small to fill a disk: {kib} KiB");
                return;
            }
            Err(error) => assert!(matches!(error, PostprocessError::Disk(_)), "at {kib} KiB: {error:?}"),
        }
        std::fs::remove_file(&path).unwrap();
    }
    panic!("the video never fitted");
}
