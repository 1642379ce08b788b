//! Pictures to send and to compare with.

use std::io::Cursor;

use image::{DynamicImage, ImageFormat, RgbImage};

/// The photograph that the project carries, 600 by 400 pixels.
pub const COFFEE: &[u8] = include_bytes!("../../cli/samples/coffee.jpg");
/// The other one, 451 by 300 pixels.
pub const CHELSEA: &[u8] = include_bytes!("../../cli/samples/chelsea.jpg");

/// Decodes a picture.
pub fn decode(bytes: &[u8]) -> RgbImage {
    image::load_from_memory(bytes).expect("a picture").into_rgb8()
}

/// A picture in a format.
pub fn encode(picture: &RgbImage, format: ImageFormat) -> Vec<u8> {
    let mut bytes = Cursor::new(Vec::new());
    DynamicImage::from(picture.clone()).write_to(&mut bytes, format).expect("an encoder");
    bytes.into_inner()
}

/// A picture in which every pixel has the same colour.
pub fn plain(width: u32, height: u32) -> RgbImage {
    RgbImage::from_pixel(width, height, image::Rgb([200, 120, 40]))
}

/// What fills a frame of this size, cut evenly where it juts out.
pub fn cover(picture: &RgbImage, width: u32, height: u32) -> RgbImage {
    let filled =
        DynamicImage::from(picture.clone()).resize_to_fill(width, height, image::imageops::FilterType::Lanczos3);
    filled.into_rgb8()
}

/// How alike two pictures of one size are: the peak signal-to-noise ratio in decibels.
pub fn psnr(one: &RgbImage, other: &RgbImage) -> f64 {
    assert_eq!(one.dimensions(), other.dimensions(), "pictures of one size");
    let squares: f64 = one.iter().zip(other.iter()).map(|(a, b)| (f64::from(*a) - f64::from(*b)).powi(2)).sum();
    let mean = squares / one.len() as f64;
    10.0 * (255.0 * 255.0 / mean.max(1e-9)).log10()
}
