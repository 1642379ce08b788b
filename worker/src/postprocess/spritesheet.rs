//! The spritesheet: a grid of small stills, for scrubbing.

use std::io::Cursor;

use clipmill_scale::Scaler;
use image::codecs::jpeg::JpegEncoder;

use super::error::Cause;
use super::webvtt::{self, Tile};
use super::{PostprocessError, Target, Variant};
use crate::engine::Frame;

/// Tiles in a row, and rows, at most.
const SIDE_TILES: u32 = 5;
/// Longest side of a tile in pixels.
const TILE_LONG_SIDE: u32 = 160;
/// JPEG quality, 1 to 100.
const QUALITY: u8 = 80;

/// Draws its tiles as their frames pass: row by row, each the middle frame of an equal part of the video.
pub(super) struct Spritesheet {
    canvas: Frame,
    scaler: Scaler,
    tile: Target,
    columns: u32,
    tiles: u32,
    drawn: u32,
    frames: u32,
}

impl Spritesheet {
    /// A sheet for a video of `video` size and `frames` frames.
    pub(super) fn new(video: Target, frames: u32) -> Self {
        let tile = video.within(TILE_LONG_SIDE);
        let tiles = frames.clamp(1, SIDE_TILES * SIDE_TILES);
        let columns = tiles.min(SIDE_TILES);
        let canvas = Frame::new(columns * tile.width, tiles.div_ceil(columns) * tile.height);
        Self { canvas, scaler: Scaler::default(), tile, columns, tiles, drawn: 0, frames }
    }

    /// Its size in pixels.
    pub(super) fn size(&self) -> Target {
        Target { width: self.canvas.width(), height: self.canvas.height() }
    }

    /// Looks at frame number `index`.
    pub(super) fn push(&mut self, index: u32, frame: &Frame) -> Result<(), PostprocessError> {
        if self.drawn == self.tiles || index < self.due() {
            return Ok(());
        }
        self.draw(frame).map_err(PostprocessError::encoder(Variant::Spritesheet))
    }

    /// The list of its tiles, for a video of `fps` frames per second.
    pub(super) fn list(&self, fps: u32) -> String {
        webvtt::list((0..self.tiles).map(|tile| self.place(tile)), self.tile, fps)
    }

    /// The file's content.
    pub(super) fn finish(self) -> Result<Vec<u8>, PostprocessError> {
        let mut bytes = Cursor::new(Vec::new());
        let encoder = JpegEncoder::new_with_quality(&mut bytes, QUALITY);
        self.canvas.write_with_encoder(encoder).map_err(PostprocessError::encoder(Variant::Spritesheet))?;
        Ok(bytes.into_inner())
    }

    /// Where a tile lies, and which frames it stands for.
    fn place(&self, tile: u32) -> Tile {
        let begin = |tile: u32| u64::from(tile) * u64::from(self.frames) / u64::from(self.tiles);
        let begin = |tile: u32| u32::try_from(begin(tile)).unwrap_or(u32::MAX);
        let (column, row) = (tile % self.columns, tile / self.columns);
        Tile { x: column * self.tile.width, y: row * self.tile.height, from: begin(tile), until: begin(tile + 1) }
    }

    /// The frame that the next tile shows.
    fn due(&self) -> u32 {
        let Tile { from, until, .. } = self.place(self.drawn);
        from + (until - from) / 2
    }

    fn draw(&mut self, frame: &Frame) -> Result<(), Cause> {
        let small = self.scaler.cover(frame, self.tile.dimensions())?;
        let Tile { x, y, .. } = self.place(self.drawn);
        image::imageops::replace(&mut self.canvas, &*small, i64::from(x), i64::from(y));
        self.drawn += 1;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use image::Rgb;

    use super::*;

    const VIDEO: Target = Target { width: 32, height: 16 };

    /// A sheet of a video whose frame number `index` is grey of that level.
    fn sheet_of(frames: u32) -> Spritesheet {
        let mut sheet = Spritesheet::new(VIDEO, frames);
        for index in 0..frames {
            sheet.push(index, &Frame::from_pixel(VIDEO.width, VIDEO.height, Rgb([index as u8; 3]))).unwrap();
        }
        sheet
    }

    fn level(sheet: &Spritesheet, column: u32, row: u32) -> u8 {
        sheet.canvas.get_pixel(column * VIDEO.width + 7, row * VIDEO.height + 7).0[0]
    }

    #[test]
    fn a_long_video_fills_five_rows_of_five_evenly() {
        let sheet = sheet_of(250);
        assert_eq!(sheet.size(), Target { width: 160, height: 80 });
        let levels: Vec<_> = (0..25).map(|tile| level(&sheet, tile % 5, tile / 5)).collect();
        assert_eq!(levels, (0..25).map(|tile| tile * 10 + 5).collect::<Vec<u8>>());
    }

    #[test]
    fn a_short_video_shows_each_frame_once() {
        let sheet = sheet_of(7);
        assert_eq!(sheet.size(), Target { width: 160, height: 32 });
        let levels: Vec<_> = (0..7).map(|tile| level(&sheet, tile % 5, tile / 5)).collect();
        assert_eq!(levels, [0, 1, 2, 3, 4, 5, 6]);
    }

    #[test]
    fn every_length_draws_every_tile() {
        for frames in 1..=120 {
            let sheet = sheet_of(frames);
            assert_eq!(sheet.drawn, frames.min(25), "{frames} frames");
        }
    }

    #[test]
    fn the_tiles_cover_every_frame_once_and_lie_side_by_side_in_the_sheet() {
        for frames in 1..=120 {
            let sheet = Spritesheet::new(VIDEO, frames);
            let tiles: Vec<_> = (0..sheet.tiles).map(|tile| sheet.place(tile)).collect();
            assert_eq!((tiles[0].from, tiles[tiles.len() - 1].until), (0, frames));
            assert!(tiles.windows(2).all(|pair| pair[0].until == pair[1].from), "{tiles:?}");
            assert!(tiles.iter().all(|tile| tile.from < tile.until), "{tiles:?}");
            let (right, bottom) = (sheet.size().width - VIDEO.width, sheet.size().height - VIDEO.height);
            assert!(tiles.iter().all(|tile| tile.x <= right && tile.y <= bottom), "{tiles:?}");
            let mut places: Vec<_> = tiles.iter().map(|tile| (tile.y, tile.x)).collect();
            assert!(places.is_sorted());
            places.dedup();
            assert_eq!(places.len(), tiles.len());
        }
    }

    #[test]
    fn each_tile_shows_a_frame_that_it_stands_for() {
        for frames in [1, 7, 26, 49, 120, 250] {
            let sheet = sheet_of(frames);
            for tile in 0..sheet.tiles {
                let Tile { from, until, .. } = sheet.place(tile);
                let shown = u32::from(level(&sheet, tile % 5, tile / 5));
                assert!((from..until).contains(&shown), "{frames} frames, tile {tile}: {shown}");
            }
        }
    }

    #[test]
    fn a_large_video_has_small_tiles() {
        let sheet = Spritesheet::new(Target { width: 1366, height: 768 }, 144);
        assert_eq!(sheet.size(), Target { width: 800, height: 450 });
    }
}
