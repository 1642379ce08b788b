//! Taking a part of a picture in another size.
//!
//! Own code because the part lies between pixels, and because it may reach past the picture's edge, where the picture
//! goes on mirrored; no library that we know does both.

use image::RgbImage;
use rayon::prelude::*;

/// A part of a picture along one axis: where it starts, in pixels of the picture, and how many of them make one
/// pixel of the result.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Span {
    pub(crate) start: f64,
    pub(crate) step: f64,
    pub(crate) count: usize,
}

/// The pixels that make one pixel of the result, each with its weight.
type Taps = Vec<(usize, f32)>;

/// The part of `picture` that lies at `across` and `down`, by Catmull-Rom interpolation, averaging where it shrinks.
pub(crate) fn resample(picture: &RgbImage, across: Span, down: Span) -> RgbImage {
    let columns = taps(across, picture.width() as usize);
    let rows = taps(down, picture.height() as usize);
    let stride = picture.width() as usize * 3;
    let mut result = RgbImage::new(across.count as u32, down.count as u32);
    result.par_chunks_mut(across.count * 3).zip(&rows).for_each_init(
        || vec![0.0; stride],
        |line, (pixels, row)| {
            squash(picture, row, line);
            pick(line, &columns, pixels);
        },
    );
    result
}

/// Weighs rows of the picture together into one.
fn squash(picture: &RgbImage, row: &Taps, line: &mut [f32]) {
    line.fill(0.0);
    for (y, weight) in row {
        let source = &picture.as_raw()[y * line.len()..][..line.len()];
        for (sum, value) in line.iter_mut().zip(source) {
            *sum += f32::from(*value) * weight;
        }
    }
}

fn pick(line: &[f32], columns: &[Taps], pixels: &mut [u8]) {
    for (pixel, taps) in pixels.chunks_exact_mut(3).zip(columns) {
        let mut sum = [0.5; 3];
        for (x, weight) in taps {
            for channel in 0..3 {
                sum[channel] += line[x * 3 + channel] * weight;
            }
        }
        pixel.copy_from_slice(&sum.map(|value| value as u8));
    }
}

fn taps(span: Span, length: usize) -> Vec<Taps> {
    let wide = span.step.max(1.0);
    let of = |number: usize| {
        let centre = span.start + (number as f64 + 0.5) * span.step - 0.5;
        let (from, to) = ((centre - 2.0 * wide).ceil() as i64, (centre + 2.0 * wide).floor() as i64);
        let weighed = (from..=to).map(|place| (mirrored(place, length), catmull_rom((place as f64 - centre) / wide)));
        let mut taps: Taps = weighed.filter(|(_, weight)| *weight != 0.0).collect();
        let sum: f32 = taps.iter().map(|(_, weight)| weight).sum();
        taps.iter_mut().for_each(|(_, weight)| *weight /= sum);
        taps
    };
    (0..span.count).map(of).collect()
}

/// The pixel at `place` of a picture that goes on mirrored past both ends.
fn mirrored(place: i64, length: usize) -> usize {
    let length = length as i64;
    let turn = place.rem_euclid(2 * length);
    turn.min(2 * length - 1 - turn) as usize
}

/// The cubic kernel of Catmull and Rom (1974).
fn catmull_rom(x: f64) -> f32 {
    let x = x.abs();
    let value = if x < 1.0 {
        (1.5 * x - 2.5) * x * x + 1.0
    } else if x < 2.0 {
        ((-0.5 * x + 2.5) * x - 4.0) * x + 2.0
    } else {
        0.0
    };
    value as f32
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ramp(width: u32, height: u32) -> RgbImage {
        RgbImage::from_fn(width, height, |x, y| image::Rgb([x as u8 * 10, y as u8 * 10, 77]))
    }

    #[test]
    fn the_whole_picture_in_its_own_size_is_the_picture() {
        let picture = ramp(20, 12);
        let whole = |count| Span { start: 0.0, step: 1.0, count };
        assert_eq!(resample(&picture, whole(20), whole(12)), picture);
    }

    #[test]
    fn past_its_edge_the_picture_goes_on_mirrored() {
        let picture = ramp(4, 4);
        let wide =
            resample(&picture, Span { start: -4.0, step: 1.0, count: 12 }, Span { start: 0.0, step: 1.0, count: 4 });
        let row: Vec<u8> = (0..12).map(|x| wide.get_pixel(x, 0)[0]).collect();
        assert_eq!(row, [30, 20, 10, 0, 0, 10, 20, 30, 30, 20, 10, 0]);
    }

    #[test]
    fn fine_stripes_shrink_to_grey() {
        let stripes = RgbImage::from_fn(400, 8, |x, _| image::Rgb([if x % 2 == 0 { 0 } else { 255 }; 3]));
        let small =
            resample(&stripes, Span { start: 0.0, step: 8.0, count: 50 }, Span { start: 0.0, step: 1.0, count: 8 });
        let inner = (4..46).map(|x| small.get_pixel(x, 4)[0]);
        assert!(inner.clone().all(|value| (124..=131).contains(&value)), "{:?}", inner.collect::<Vec<_>>());
    }
}
