//! A request on its way to frames: what is on the stage, and how the camera moves.

use image::RgbImage;
use rayon::prelude::*;

use super::camera::{Path, View};
use super::dice::Dice;
use super::row::Row;
use super::scene::scene;
use super::stage::{Brush, Element, Moment, Posed, Stage, paint_row};
use super::still::Still;
use super::weather::falling;
use super::words::{Pace, Wish, read};
use super::{Error, Request, check};

/// How many rows one thread paints at a time.
const BAND_ROWS: usize = 8;

/// Everything that the frames of one request share.
pub struct Picture {
    size: [u32; 2],
    frames: u32,
    fps: u32,
    stage: Stage,
    path: Path,
    elements: Vec<Box<dyn Element>>,
}

impl Picture {
    /// Sets the stage. The source pictures are not needed any more after that.
    ///
    /// # Errors
    /// A clip of no length, frames of no size or beyond 8192 pixels a side, a source picture of no size.
    pub fn new(request: &Request) -> Result<Self, Error> {
        check(request)?;
        let dice = Dice::new(request.prompt, request.seed);
        let wish = read(request.prompt);
        let stage = Stage::new(request.width, request.height);
        let path = Path::new(request.prompt, wish.pace.unwrap_or(Pace::Steady), &dice);
        let mut picture = Self {
            size: [request.width, request.height],
            frames: request.frames,
            fps: request.fps,
            stage,
            path,
            elements: Vec::new(),
        };
        picture.elements = picture.elements_of(request, &wish, &dice);
        Ok(picture)
    }

    /// Paints frame `number`, counted from 0, in bands on rayon's threads.
    pub fn frame(&self, number: u32) -> RgbImage {
        let moment = self.moment(number);
        let posed: Vec<_> = self.elements.par_iter().map(|element| element.pose(&self.stage, &moment)).collect();
        let [width, height] = self.size;
        let mut frame = RgbImage::new(width, height);
        let stride = width as usize * 3;
        frame.par_chunks_mut(stride * BAND_ROWS).enumerate().for_each_init(
            || (Row::new(width as usize), Brush::default()),
            |(row, brush), (band, pixels)| paint_band(&posed, band * BAND_ROWS, pixels.chunks_mut(stride), row, brush),
        );
        frame
    }

    fn elements_of(&self, request: &Request, wish: &Wish, dice: &Dice) -> Vec<Box<dyn Element>> {
        let mut elements: Vec<Box<dyn Element>> = match request.first_frame {
            Some(first) => vec![Box::new(Still::opening(first, &self.stage, &self.views(View::REST)))],
            None => scene(&self.stage, wish, dice),
        };
        if let Some(last) = request.last_frame {
            let end = self.moment(self.frames - 1).view;
            elements.push(Box::new(Still::closing(last, &self.stage, &self.views(end), end)));
        }
        if request.first_frame.is_some() {
            elements.extend(falling(wish, dice));
        }
        elements
    }

    /// Views along the whole path, relative to `origin`.
    fn views(&self, origin: View) -> Vec<View> {
        let length_s = self.frames as f32 / self.fps as f32;
        (0..=200)
            .map(|i| i as f32 / 200.0)
            .map(|share| self.path.view(share, share * length_s).relative_to(&origin))
            .collect()
    }

    fn moment(&self, number: u32) -> Moment {
        let time_s = number as f32 / self.fps as f32;
        let progress = number as f32 / (self.frames - 1).max(1) as f32;
        Moment { time_s, progress, view: self.path.view(progress, time_s) }
    }
}

fn paint_band<'p>(
    posed: &[Box<dyn Posed + '_>],
    first: usize,
    rows: impl Iterator<Item = &'p mut [u8]>,
    row: &mut Row,
    brush: &mut Brush,
) {
    for (number, pixels) in rows.enumerate() {
        let y = first + number;
        paint_row(posed, y as f32, row, brush);
        row.pack(y as u32, pixels);
    }
}
