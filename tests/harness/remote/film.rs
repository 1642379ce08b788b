//! The videos that a model server renders: as long and as large as was asked for, of a colour that the seed decides.

use std::process::Command;

use super::Submitted;

/// The video of a request, or one of so many frames.
pub(super) fn render(wish: &Submitted, frames: Option<u32>) -> Vec<u8> {
    let (width, height) = size(wish);
    let fps = wish.number("fps").unwrap_or(24);
    let asked = wish.number("num_frames").or_else(|| Some(wish.number("seconds")? * fps)).expect("a length");
    let (frames, colour) = (frames.unwrap_or(asked), wish.number("seed").unwrap_or(7).wrapping_mul(0x9E37) & 0xFF_FFFF);
    let file = tempfile::Builder::new().suffix(".mp4").tempfile().expect("a temporary file");
    let made = Command::new("ffmpeg")
        .args([
            "-v",
            "error",
            "-y",
            "-f",
            "lavfi",
            "-i",
            &format!("color=0x{colour:06X}:size={width}x{height}:rate={fps}"),
        ])
        .args(["-frames:v", &frames.to_string(), "-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", "yuv420p"])
        .arg(file.path())
        .output()
        .expect("ffmpeg runs");
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    std::fs::read(file.path()).expect("the video")
}

fn size(wish: &Submitted) -> (u32, u32) {
    match (wish.number("width"), wish.number("height"), wish.field("size")) {
        (Some(width), Some(height), _) => (width, height),
        (_, _, Some(size)) => {
            let (width, height) = size.split_once('x').expect("a size");
            (width.parse().expect("a width"), height.parse().expect("a height"))
        }
        _ => panic!("no size"),
    }
}
