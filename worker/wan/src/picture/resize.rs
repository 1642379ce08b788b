//! Pillow's way to resize: first one axis, then the other, and bytes in between.

use std::borrow::Cow;

use image::RgbImage;
use rayon::prelude::*;

use super::kernel::{Filter, PRECISION, Taps, taps};

/// One half, which rounds a sum when its fraction is cut off.
const HALF: i32 = 1 << (PRECISION - 1);

/// `picture` in another size, byte for byte as `resize` of Pillow 13 makes it.
pub fn resize(picture: &RgbImage, width: u32, height: u32, filter: Filter) -> RgbImage {
    if [picture.width(), picture.height(), width, height].contains(&0) {
        return RgbImage::new(width, height);
    }
    let columns = taps(picture.width() as usize, width as usize, filter);
    let rows = taps(picture.height() as usize, height as usize, filter);
    if is_down_first(picture.dimensions(), (width, height)) {
        across(&down(picture, &rows), &columns).into_owned()
    } else {
        down(&across(picture, &columns), &rows).into_owned()
    }
}

/// Whether the columns come first: since Pillow 13, where the height falls by more than twice what the width does.
fn is_down_first(from: (u32, u32), to: (u32, u32)) -> bool {
    let fall = |from: u32, to: u32| u64::from(from.saturating_sub(to));
    fall(from.1, to.1) > 2 * fall(from.0, to.0)
}

/// Resizes every row.
fn across<'a>(picture: &'a RgbImage, columns: &[Taps]) -> Cow<'a, RgbImage> {
    if picture.width() as usize == columns.len() {
        return Cow::Borrowed(picture);
    }
    let mut result = RgbImage::new(columns.len() as u32, picture.height());
    let rows = picture.par_chunks_exact(picture.width() as usize * 3);
    result.par_chunks_exact_mut(columns.len() * 3).zip(rows).for_each(|(pixels, row)| {
        for (pixel, taps) in pixels.chunks_exact_mut(3).zip(columns) {
            let mut sums = [HALF; 3];
            for (source, weight) in row[taps.first * 3..].chunks_exact(3).zip(&taps.weights) {
                for (sum, value) in sums.iter_mut().zip(source) {
                    *sum += i32::from(*value) * weight;
                }
            }
            pixel.copy_from_slice(&sums.map(byte));
        }
    });
    Cow::Owned(result)
}

/// Resizes every column, row by row.
fn down<'a>(picture: &'a RgbImage, rows: &[Taps]) -> Cow<'a, RgbImage> {
    if picture.height() as usize == rows.len() {
        return Cow::Borrowed(picture);
    }
    let stride = picture.width() as usize * 3;
    let mut result = RgbImage::new(picture.width(), rows.len() as u32);
    result.par_chunks_exact_mut(stride).zip(rows).for_each_init(
        || vec![0; stride],
        |sums, (pixels, taps)| {
            sums.fill(HALF);
            for (source, weight) in picture.as_raw()[taps.first * stride..].chunks_exact(stride).zip(&taps.weights) {
                for (sum, value) in sums.iter_mut().zip(source) {
                    *sum += i32::from(*value) * weight;
                }
            }
            for (pixel, sum) in pixels.iter_mut().zip(sums) {
                *pixel = byte(*sum);
            }
        },
    );
    Cow::Owned(result)
}

/// The byte that is nearest to a fixed-point sum with a half added.
fn byte(sum: i32) -> u8 {
    (sum >> PRECISION).clamp(0, 255) as u8
}

#[cfg(test)]
mod tests {
    use image::{Rgb, RgbImage};

    use super::{Filter, is_down_first, resize};

    fn grey(width: u32, height: u32, values: &[u8]) -> RgbImage {
        RgbImage::from_fn(width, height, |x, y| Rgb([values[(y * width + x) as usize]; 3]))
    }

    fn values(picture: &RgbImage) -> Vec<u8> {
        picture.pixels().map(|pixel| pixel.0[0]).collect()
    }

    #[test]
    fn an_edge_overshoots_and_is_clamped_as_bicubic_weights_say() {
        // The pixels nearest to the edge take -0.0703125, 0.8671875, 0.2265625 and -0.0234375 of their neighbours:
        // 200 * 0.203125 = 40.6. The next ones overshoot by 200 * 0.0703125 = 14.1, and then by 200 * 0.0234375 = 4.7.
        let edge = [0, 0, 0, 0, 200, 200, 200, 200];
        let doubled = values(&resize(&grey(8, 1, &edge), 16, 1, Filter::Bicubic));
        assert_eq!(doubled[5..11], [0, 0, 41, 159, 214, 205]);
        assert_eq!(values(&resize(&grey(1, 8, &edge), 1, 16, Filter::Bicubic)), doubled);
    }

    #[test]
    fn the_height_is_resized_first_where_it_falls_much_more() {
        assert!(is_down_first((100, 100), (99, 97)));
        assert!(!is_down_first((100, 100), (99, 98)));
        assert!(is_down_first((100, 100), (200, 99)));
        assert!(!is_down_first((100, 100), (200, 101)));
        // The bytes in between are clamped, so that the order shows.
        let picture = RgbImage::from_fn(3, 9, |x, y| Rgb([if x == 1 && y % 3 == 1 { 255 } else { 0 }; 3]));
        let down = resize(&resize(&picture, 3, 4, Filter::Lanczos3), 5, 4, Filter::Lanczos3);
        let across = resize(&resize(&picture, 5, 9, Filter::Lanczos3), 5, 4, Filter::Lanczos3);
        assert_ne!(down, across);
        assert_eq!(resize(&picture, 5, 4, Filter::Lanczos3), down);
    }

    #[test]
    fn an_even_picture_stays_even() {
        let picture = RgbImage::from_pixel(37, 23, Rgb([0, 77, 255]));
        for (width, height) in [(16, 16), (100, 3), (1, 1), (37, 50)] {
            for filter in [Filter::Bicubic, Filter::Lanczos3] {
                let resized = resize(&picture, width, height, filter);
                assert_eq!(resized, RgbImage::from_pixel(width, height, Rgb([0, 77, 255])));
            }
        }
    }

    #[test]
    fn nothing_becomes_nothing() {
        assert_eq!(resize(&RgbImage::new(0, 5), 3, 3, Filter::Bicubic).dimensions(), (3, 3));
        assert_eq!(resize(&grey(1, 1, &[9]), 0, 7, Filter::Bicubic).dimensions(), (0, 7));
    }
}
