//! Trying an encoder out: only what has made a few frames of a real picture into packets is taken to work.

use std::sync::LazyLock;
use std::thread;

use clipmill_shared::jobs::options::Quality;
use image::Rgb;

use super::candidate::{CANDIDATES, Candidate};
use super::open::open;
use crate::engine::Frame;
use crate::postprocess::error::Cause;
use crate::postprocess::packet::next_packet;
use crate::postprocess::yuv420::Yuv420;
use crate::postprocess::{Target, start};

/// NVENC refuses much smaller pictures.
const SIZE: Target = Target { width: 256, height: 144 };
const FRAMES: u8 = 5;
const FPS: u32 = 24;

/// How it went with an encoder.
pub(super) struct Trial {
    pub(super) candidate: &'static Candidate,
    /// Why it does not work here, if it does not.
    pub(super) outcome: Result<(), String>,
}

/// How it went with those that take no GPU. They are tried once a process.
pub(super) fn software() -> &'static [Trial] {
    static TRIALS: LazyLock<Vec<Trial>> = LazyLock::new(|| all(false));
    &TRIALS
}

/// How it went with those that take a GPU. They are tried once a process, and what FFmpeg says of it is not printed:
/// where no GPU is, there is nothing wrong.
pub(super) fn hardware() -> &'static [Trial] {
    static TRIALS: LazyLock<Vec<Trial>> = LazyLock::new(|| start::hushed(|| all(true)));
    &TRIALS
}

fn all(hardware: bool) -> Vec<Trial> {
    let candidates = CANDIDATES.iter().filter(|candidate| candidate.hardware == hardware);
    thread::scope(|scope| {
        let running: Vec<_> =
            candidates.map(|candidate| (candidate, scope.spawn(move || encodes(candidate)))).collect();
        let end = |(candidate, thread): (_, thread::ScopedJoinHandle<'_, Result<(), Cause>>)| {
            let outcome = thread.join().unwrap_or_else(|_| Err("it panicked".into()));
            Trial { candidate, outcome: outcome.map_err(|error| error.to_string()) }
        };
        running.into_iter().map(end).collect()
    })
}

fn encodes(candidate: &Candidate) -> Result<(), Cause> {
    start::start()?;
    let mut encoder = open(candidate, Quality::Standard, SIZE, FPS)?;
    let converter = Yuv420::new(SIZE);
    let mut packets = 0;
    for index in 0..FRAMES {
        let frame = Frame::from_fn(SIZE.width, SIZE.height, |x, y| Rgb([x as u8, y as u8, index * 40]));
        let mut picture = converter.convert(&frame)?;
        picture.set_pts(Some(index.into()));
        encoder.send_frame(&picture)?;
        while next_packet(&mut encoder)?.is_some() {
            packets += 1;
        }
    }
    encoder.send_eof()?;
    while next_packet(&mut encoder)?.is_some() {
        packets += 1;
    }
    if packets == FRAMES { Ok(()) } else { Err(format!("{packets} packets came of {FRAMES} frames").into()) }
}
