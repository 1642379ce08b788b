//! Bringing frames to a size.

use std::borrow::Cow;

use fast_image_resize::images::{Image, ImageRef};
use fast_image_resize::{PixelType, ResizeOptions, Resizer};

use super::Target;
use super::error::Cause;
use crate::engine::Frame;

/// Scales frames with a Lanczos filter, keeping its working memory between them.
#[derive(Debug, Default)]
pub(super) struct Scaler {
    resizer: Resizer,
}

impl Scaler {
    /// The frame in `target` size: itself when it has that size, else scaled to cover it, with what juts out on two
    /// sides cut off evenly, so that nothing is distorted.
    pub(super) fn fit<'f>(&mut self, frame: &'f Frame, target: Target) -> Result<Cow<'f, Frame>, Cause> {
        if frame.dimensions() == (target.width, target.height) {
            return Ok(Cow::Borrowed(frame));
        }
        if frame.is_empty() {
            return Err("the frame has no pixels".into());
        }
        let source = ImageRef::new(frame.width(), frame.height(), frame.as_raw(), PixelType::U8x3)?;
        let mut scaled = Image::new(target.width, target.height, PixelType::U8x3);
        let options = ResizeOptions::new().fit_into_destination(None);
        self.resizer.resize(&source, &mut scaled, &options)?;
        let scaled = Frame::from_raw(target.width, target.height, scaled.into_vec());
        Ok(Cow::Owned(scaled.ok_or("the scaled picture has the wrong length")?))
    }
}

#[cfg(test)]
mod tests {
    use image::Rgb;

    use super::*;

    fn fit(frame: &Frame, width: u32, height: u32) -> Frame {
        Scaler::default().fit(frame, Target { width, height }).unwrap().into_owned()
    }

    #[test]
    fn a_frame_of_the_right_size_is_not_copied() {
        let frame = Frame::new(6, 4);
        let fitted = Scaler::default().fit(&frame, Target { width: 6, height: 4 }).unwrap();
        assert!(matches!(fitted, Cow::Borrowed(same) if std::ptr::eq(same, &frame)));
    }

    #[test]
    fn a_flat_colour_stays_exactly_that_colour() {
        let frame = Frame::from_pixel(33, 17, Rgb([200, 17, 93]));
        for (width, height) in [(64, 64), (16, 10), (1, 1)] {
            assert!(fit(&frame, width, height).pixels().all(|pixel| *pixel == Rgb([200, 17, 93])));
        }
    }

    #[test]
    fn another_shape_is_cut_and_not_distorted() {
        // A white square of half the height in the middle of a black picture twice as wide as high.
        let inside = |x: u32, y: u32| (80..120).contains(&x) && (30..70).contains(&y);
        let frame = Frame::from_fn(200, 100, |x, y| Rgb([if inside(x, y) { 255 } else { 0 }; 3]));
        let fitted = fit(&frame, 50, 50);
        let white = |(_, _, pixel): &(u32, u32, &Rgb<u8>)| pixel.0[0] > 127;
        let (xs, ys): (Vec<_>, Vec<_>) = fitted.enumerate_pixels().filter(white).map(|(x, y, _)| (x, y)).unzip();
        assert_eq!((xs.iter().min(), xs.iter().max()), (Some(&15), Some(&34)));
        assert_eq!((ys.iter().min(), ys.iter().max()), (Some(&15), Some(&34)));
    }

    #[test]
    fn an_empty_frame_is_an_error_and_no_panic() {
        assert!(Scaler::default().fit(&Frame::new(0, 0), Target { width: 4, height: 4 }).is_err());
    }
}
