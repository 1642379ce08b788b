//! The films that renders end in.

use std::collections::HashMap;
use std::process::Command;
use std::sync::{LazyLock, Mutex};

use axum::body::Bytes;

const FPS: u64 = 24;

/// A film of so many seconds, and as MiniMax's a few frames short of them. Each length is drawn once in a run.
pub(super) fn drawn(seconds: u64) -> Bytes {
    static FILMS: LazyLock<Mutex<HashMap<u64, Bytes>>> = LazyLock::new(Mutex::default);
    FILMS.lock().expect("the lock").entry(seconds).or_insert_with(|| draw(seconds)).clone()
}

fn draw(seconds: u64) -> Bytes {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("output_aigc.mp4");
    let made = Command::new("ffmpeg")
        .args(["-v", "error", "-f", "lavfi", "-i", &format!("testsrc=size=320x180:rate={FPS}")])
        .args(["-frames:v", &(seconds * FPS - 3).to_string(), "-c:v", "libx264", "-preset", "ultrafast"])
        .args(["-pix_fmt", "yuv420p", "-movflags", "+faststart"])
        .arg(&path)
        .output()
        .expect("ffmpeg runs");
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    std::fs::read(path).expect("the film").into()
}
