//! What the `ffprobe` and `ffmpeg` commands say of a file, for tests.

use std::path::Path;
use std::process::Command;

use serde_json::Value;

/// Everything `ffprobe` tells of the file's format and first stream, with its frames counted by decoding them.
pub(super) fn probe(path: &Path) -> Value {
    let options = ["-v", "error", "-show_streams", "-show_format", "-show_chapters", "-count_frames", "-of", "json"];
    let output = Command::new("ffprobe").args(options).arg(path).output().unwrap();
    assert!(output.status.success() && output.stderr.is_empty(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

/// The presentation times of all pictures in seconds, as `ffprobe` prints them.
pub(super) fn frame_times(path: &Path) -> Vec<String> {
    let options = ["-v", "error", "-select_streams", "v:0", "-show_entries", "frame=pts_time", "-of", "csv=p=0"];
    let output = Command::new("ffprobe").args(options).arg(path).output().unwrap();
    let times = String::from_utf8(output.stdout).unwrap();
    // A frame with side data has an empty line below it.
    times.lines().map(|line| line.trim_end_matches(',').to_owned()).filter(|time| !time.is_empty()).collect()
}

/// The file's frames as packed 8-bit RGB, decoded by the `ffmpeg` command by the rules of BT.709.
pub(super) fn decode_rgb(path: &Path) -> Vec<u8> {
    let output = Command::new("ffmpeg")
        .args(["-v", "error", "-i"])
        .arg(path)
        // Each frame once, wherever sound begins before the first.
        .args(["-vf", "scale=in_color_matrix=bt709:flags=full_chroma_int+accurate_rnd", "-fps_mode", "passthrough"])
        .args(["-f", "rawvideo", "-pix_fmt", "rgb24", "-"])
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    output.stdout
}

/// The file's sound as mono samples, 48,000 a second from moment 0 on, decoded by the `ffmpeg` command.
pub(super) fn decode_sound(path: &Path) -> Vec<f32> {
    let output = Command::new("ffmpeg")
        .args(["-v", "error", "-copyts", "-i"])
        .arg(path)
        .args(["-map", "0:a", "-af", "aresample=async=1:first_pts=0", "-ac", "1", "-ar", "48000", "-f", "f32le", "-"])
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    output.stdout.chunks_exact(4).map(|bytes| f32::from_le_bytes(bytes.try_into().unwrap())).collect()
}

/// Runs the `ffmpeg` command to make the file at `path`.
pub(super) fn make(path: &Path, options: &[&str]) {
    let output = Command::new("ffmpeg").args(["-v", "error", "-y"]).args(options).arg(path).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}
