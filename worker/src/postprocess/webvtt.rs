//! The list of a spritesheet's tiles, in WebVTT: which part of the sheet shows which part of the video.

use std::fmt::Write as _;

use super::{Target, Variant};

/// A tile of the sheet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Tile {
    /// Where it begins in the sheet, in pixels from the left.
    pub(super) x: u32,
    /// In pixels from the top.
    pub(super) y: u32,
    /// The first frame that it stands for.
    pub(super) from: u32,
    /// The first frame that it does not stand for any more.
    pub(super) until: u32,
}

/// One cue for each of the `tiles` of a video of `fps` frames per second. The sheet is named as a file beside this one.
pub(super) fn list(tiles: impl Iterator<Item = Tile>, size: Target, fps: u32) -> String {
    let mut text = String::from("WEBVTT\n");
    for Tile { x, y, from, until } in tiles {
        let (from, until) = (time(from, fps), time(until, fps));
        let (sheet, Target { width, height }) = (Variant::Spritesheet.file_name(), size);
        // Writing to a text does not fail.
        let _ = write!(text, "\n{from} --> {until}\n{sheet}#xywh={x},{y},{width},{height}\n");
    }
    text
}

/// When a frame is shown, to the millisecond.
fn time(frame: u32, fps: u32) -> String {
    let fps = u64::from(fps.max(1));
    let ms = (u64::from(frame) * 1000 + fps / 2) / fps;
    format!("{:02}:{:02}:{:02}.{:03}", ms / 3_600_000, ms / 60_000 % 60, ms / 1000 % 60, ms % 1000)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_frames_time_is_exact_to_the_millisecond() {
        let times =
            [(0, 24), (1, 24), (24, 24), (1, 3), (24 * 3599 + 23, 24), (100 * 3600, 1)].map(|(at, fps)| time(at, fps));
        let expected =
            ["00:00:00.000", "00:00:00.042", "00:00:01.000", "00:00:00.333", "00:59:59.958", "100:00:00.000"];
        assert_eq!(times, expected);
    }

    #[test]
    fn each_tile_has_one_cue() {
        let tiles = [Tile { x: 0, y: 0, from: 0, until: 12 }, Tile { x: 160, y: 0, from: 12, until: 24 }];
        assert_eq!(
            list(tiles.into_iter(), Target { width: 160, height: 90 }, 24),
            "WEBVTT\n\n00:00:00.000 --> 00:00:00.500\nspritesheet.jpg#xywh=0,0,160,90\n\n\
             00:00:00.500 --> 00:00:01.000\nspritesheet.jpg#xywh=160,0,160,90\n"
        );
    }
}
