//! Brings pictures to a size, with a Lanczos filter.

use std::borrow::Cow;

use fast_image_resize::images::{Image, ImageRef};
use fast_image_resize::{ImageBufferError, PixelType, ResizeError, ResizeOptions, Resizer};
use image::{RgbImage, RgbaImage};

/// Scales pictures, keeping its working memory between them.
#[derive(Debug, Default)]
pub struct Scaler {
    resizer: Resizer,
}

/// Why a picture was not scaled.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// There is nothing to scale.
    #[error("the picture has no pixels")]
    Empty,
    /// The picture's memory is not what its size says.
    #[error(transparent)]
    Memory(#[from] ImageBufferError),
    /// It cannot be scaled so.
    #[error(transparent)]
    Resize(#[from] ResizeError),
}

impl Scaler {
    /// The picture in another size (width, height), in pixels: itself when it has that size, else scaled to cover it, with what juts
    /// out on two sides cut off evenly, so that nothing is distorted.
    ///
    /// # Errors
    /// A picture without pixels.
    pub fn cover<'p>(&mut self, picture: &'p RgbImage, size: (u32, u32)) -> Result<Cow<'p, RgbImage>, Error> {
        if picture.dimensions() == size {
            return Ok(Cow::Borrowed(picture));
        }
        let options = ResizeOptions::new().fit_into_destination(None);
        let pixels = self.scale(PixelType::U8x3, picture.as_raw(), picture.dimensions(), size, &options)?;
        Ok(Cow::Owned(RgbImage::from_raw(size.0, size.1, pixels).ok_or(Error::Empty)?))
    }

    /// The picture in another size (width, height), in pixels, and in its shape.
    ///
    /// # Errors
    /// A picture without pixels.
    pub fn stretch(&mut self, picture: &RgbImage, size: (u32, u32)) -> Result<RgbImage, Error> {
        let options = ResizeOptions::new();
        let pixels = self.scale(PixelType::U8x3, picture.as_raw(), picture.dimensions(), size, &options)?;
        RgbImage::from_raw(size.0, size.1, pixels).ok_or(Error::Empty)
    }

    /// Likewise a picture that is transparent in places. Transparent pixels have no part in the colours beside them.
    ///
    /// # Errors
    /// A picture without pixels.
    pub fn stretch_rgba(&mut self, picture: &RgbaImage, size: (u32, u32)) -> Result<RgbaImage, Error> {
        let options = ResizeOptions::new();
        let pixels = self.scale(PixelType::U8x4, picture.as_raw(), picture.dimensions(), size, &options)?;
        RgbaImage::from_raw(size.0, size.1, pixels).ok_or(Error::Empty)
    }

    fn scale(
        &mut self,
        pixel: PixelType,
        from: &[u8],
        (width, height): (u32, u32),
        (to_width, to_height): (u32, u32),
        options: &ResizeOptions,
    ) -> Result<Vec<u8>, Error> {
        if from.is_empty() {
            return Err(Error::Empty);
        }
        let source = ImageRef::new(width, height, from, pixel)?;
        let mut scaled = Image::new(to_width, to_height, pixel);
        self.resizer.resize(&source, &mut scaled, options)?;
        Ok(scaled.into_vec())
    }
}

#[cfg(test)]
mod tests {
    use image::{Rgb, Rgba};

    use super::*;

    fn fit(frame: &RgbImage, width: u32, height: u32) -> RgbImage {
        Scaler::default().cover(frame, (width, height)).unwrap().into_owned()
    }

    #[test]
    fn a_frame_of_the_right_size_is_not_copied() {
        let frame = RgbImage::new(6, 4);
        let fitted = Scaler::default().cover(&frame, (6, 4)).unwrap();
        assert!(matches!(fitted, Cow::Borrowed(same) if std::ptr::eq(same, &frame)));
    }

    #[test]
    fn a_flat_colour_stays_exactly_that_colour() {
        let frame = RgbImage::from_pixel(33, 17, Rgb([200, 17, 93]));
        for (width, height) in [(64, 64), (16, 10), (1, 1)] {
            assert!(fit(&frame, width, height).pixels().all(|pixel| *pixel == Rgb([200, 17, 93])));
        }
    }

    #[test]
    fn another_shape_is_cut_and_not_distorted() {
        // A white square of half the height in the middle of a black picture twice as wide as high.
        let inside = |x: u32, y: u32| (80..120).contains(&x) && (30..70).contains(&y);
        let frame = RgbImage::from_fn(200, 100, |x, y| Rgb([if inside(x, y) { 255 } else { 0 }; 3]));
        let fitted = fit(&frame, 50, 50);
        let white = |(_, _, pixel): &(u32, u32, &Rgb<u8>)| pixel.0[0] > 127;
        let (xs, ys): (Vec<_>, Vec<_>) = fitted.enumerate_pixels().filter(white).map(|(x, y, _)| (x, y)).unzip();
        assert_eq!((xs.iter().min(), xs.iter().max()), (Some(&15), Some(&34)));
        assert_eq!((ys.iter().min(), ys.iter().max()), (Some(&15), Some(&34)));
    }

    #[test]
    fn an_empty_frame_is_an_error_and_no_panic() {
        let mut scaler = Scaler::default();
        assert!(matches!(scaler.cover(&RgbImage::new(0, 0), (4, 4)), Err(Error::Empty)));
        assert!(matches!(scaler.stretch(&RgbImage::new(0, 3), (4, 4)), Err(Error::Empty)));
    }

    #[test]
    fn a_stretched_picture_keeps_all_that_it_shows() {
        let halves = |x: u32| if x < 8 { Rgb([250, 0, 0]) } else { Rgb([0, 0, 250]) };
        let stretched = Scaler::default().stretch(&RgbImage::from_fn(16, 16, |x, _| halves(x)), (64, 8)).unwrap();
        assert_eq!(stretched.dimensions(), (64, 8));
        assert_eq!((*stretched.get_pixel(0, 0), *stretched.get_pixel(63, 7)), (halves(0), halves(15)));
    }

    #[test]
    fn what_is_transparent_colours_nothing() {
        let clear = |x: u32| if x < 8 { Rgba([200, 100, 50, 255]) } else { Rgba([0, 255, 0, 0]) };
        let scaled = Scaler::default().stretch_rgba(&RgbaImage::from_fn(16, 16, |x, _| clear(x)), (5, 5)).unwrap();
        let seen = scaled.pixels().filter(|pixel| pixel.0[3] >= 64);
        assert!(seen.clone().count() >= 10);
        // Still twice as much red as green, although the filter overshoots at the edge.
        assert!(seen.clone().all(|pixel| (i32::from(pixel.0[0]) - 2 * i32::from(pixel.0[1])).abs() <= 3), "{scaled:?}");
    }
}
