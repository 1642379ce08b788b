//! From planes of one channel each to pixels of all channels each, which is the order that products need.

use std::ops::Range;

use super::{GROUP, store};

/// One frame, `[channels, rows, columns]`.
#[derive(Clone, Copy)]
pub(super) struct Planes<'a> {
    pub(super) numbers: &'a [f32],
    pub(super) channels: usize,
    pub(super) rows: usize,
    pub(super) columns: usize,
}

impl Planes<'_> {
    /// Writes the pixels at `rows` and `columns`, row by row and `stride` apart, each with `depth` channels. Pixels outside
    /// of the frame are zero, and so are the channels that fill a pixel up to `depth`, a multiple of [`GROUP`].
    #[inline(always)]
    pub(super) fn window(
        &self,
        rows: &Range<isize>,
        columns: &Range<isize>,
        (depth, stride): (usize, usize),
        window: &mut [f32],
    ) {
        let inside = |at: isize| (at.clamp(0, self.columns as isize) - columns.start) as usize;
        let (left, right) = (inside(columns.start), inside(columns.end));
        for (line, row) in window.chunks_mut(columns.len() * stride).zip(rows.clone()) {
            if row < 0 || row >= self.rows as isize {
                zero(line, 0..columns.len(), (depth, stride));
                continue;
            }
            zero(line, 0..left, (depth, stride));
            zero(line, right..columns.len(), (depth, stride));
            let from = row as usize * self.columns + columns.start.max(0) as usize;
            // So few pixels at a time that the lines of the cache they lie in do not drive each other out.
            for first in (left..right).step_by(GROUP) {
                let pixels = GROUP.min(right - first);
                for channel in (0..depth).step_by(GROUP) {
                    let into = &mut line[first * stride + channel..];
                    self.transpose(channel, from + first - left, pixels, into, stride);
                }
            }
        }
    }

    /// Writes a group of channels of a few pixels in a row.
    #[inline(always)]
    fn transpose(&self, channel: usize, pixel: usize, pixels: usize, into: &mut [f32], stride: usize) {
        let size = self.rows * self.columns;
        let channels = GROUP.min(self.channels.saturating_sub(channel));
        let mut square = [[0.0; GROUP]; GROUP];
        if channels == GROUP && pixels == GROUP {
            for lane in 0..GROUP {
                let line = &self.numbers[(channel + lane) * size + pixel..][..GROUP];
                for index in 0..GROUP {
                    square[index][lane] = line[index];
                }
            }
        } else {
            for lane in 0..channels {
                let line = &self.numbers[(channel + lane) * size + pixel..][..pixels];
                for (square, number) in square.iter_mut().zip(line) {
                    square[lane] = *number;
                }
            }
        }
        for (index, group) in square.into_iter().take(pixels).enumerate() {
            store(into, index * stride, group);
        }
    }
}

#[inline(always)]
fn zero(line: &mut [f32], pixels: Range<usize>, (depth, stride): (usize, usize)) {
    for pixel in pixels {
        line[pixel * stride..][..depth].fill(0.0);
    }
}
