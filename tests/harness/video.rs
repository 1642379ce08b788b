//! What is in a finished video, as other programs see it: ffprobe and ffmpeg.

use std::process::Command;

use image::RgbImage;
use serde_json::Value;

/// All that ffprobe says of a video, frames counted.
pub fn ffprobe(bytes: &[u8]) -> Value {
    let file = file(bytes);
    let output = Command::new("ffprobe")
        .args(["-v", "error", "-count_frames", "-show_streams", "-show_format", "-of", "json"])
        .arg(file.path())
        .output()
        .expect("ffprobe runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).expect("JSON of ffprobe")
}

/// One frame, decoded with the matrix that the file claims.
pub fn frame(bytes: &[u8], number: u32, width: u32, height: u32) -> RgbImage {
    let file = file(bytes);
    let filter = format!("select=eq(n\\,{number}),scale=in_color_matrix=bt709:in_range=tv:out_range=pc,format=rgb24");
    let output = Command::new("ffmpeg")
        .args(["-v", "error", "-i"])
        .arg(file.path())
        .args(["-vf", &filter, "-frames:v", "1", "-f", "rawvideo", "-"])
        .output()
        .expect("ffmpeg runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    RgbImage::from_raw(width, height, output.stdout).expect("a whole frame")
}

/// The sound as mono samples, 48,000 a second.
pub fn sound(bytes: &[u8]) -> Vec<f32> {
    let file = file(bytes);
    let output = Command::new("ffmpeg")
        .args(["-v", "error", "-i"])
        .arg(file.path())
        .args(["-map", "0:a", "-ac", "1", "-ar", "48000", "-f", "f32le", "-"])
        .output()
        .expect("ffmpeg runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    output.stdout.chunks_exact(4).map(|bytes| f32::from_le_bytes(bytes.try_into().expect("four bytes"))).collect()
}

fn file(bytes: &[u8]) -> tempfile::NamedTempFile {
    let file = tempfile::Builder::new().suffix(".mp4").tempfile().expect("a temporary file");
    std::fs::write(file.path(), bytes).expect("the video is written");
    file
}
