//! A picture in another shape, undistorted.

use image::RgbImage;
use image::imageops::crop_imm;

use super::kernel::Filter;
use super::resize::resize;

/// Cuts from the middle of `picture` what has the shape of `width` x `height`, and resizes it to that.
pub fn cover(picture: &RgbImage, width: u32, height: u32, filter: Filter) -> RgbImage {
    let (wide, high) = (u64::from(picture.width()), u64::from(picture.height()));
    let part = |side: u64, other: u64, to: u32, other_to: u32| {
        let wanted = (other * u64::from(to) + u64::from(other_to) / 2) / u64::from(other_to.max(1));
        wanted.clamp(1, side.max(1)) as u32
    };
    let (cut_width, cut_height) = (part(wide, high, width, height), part(high, wide, height, width));
    let (x, y) = ((picture.width() - cut_width) / 2, (picture.height() - cut_height) / 2);
    let cut = crop_imm(picture, x, y, cut_width, cut_height).to_image();
    resize(&cut, width, height, filter)
}

#[cfg(test)]
mod tests {
    use image::Rgb;

    use super::*;

    #[test]
    fn a_picture_of_the_asked_size_stays_as_it_is() {
        let picture = RgbImage::from_fn(48, 32, |x, y| Rgb([x as u8, y as u8, 7]));
        assert_eq!(cover(&picture, 48, 32, Filter::Lanczos3), picture);
    }

    #[test]
    fn what_juts_out_is_cut_off_evenly_and_nothing_is_distorted() {
        // A white square in the middle of a black picture that is twice as wide as high.
        let inside = |x: u32, y: u32| (80..120).contains(&x) && (30..70).contains(&y);
        let picture = RgbImage::from_fn(200, 100, |x, y| Rgb([if inside(x, y) { 255 } else { 0 }; 3]));
        let covered = cover(&picture, 50, 50, Filter::Bicubic);
        let white = |(_, _, pixel): &(u32, u32, &Rgb<u8>)| pixel.0[0] > 127;
        let (xs, ys): (Vec<_>, Vec<_>) = covered.enumerate_pixels().filter(white).map(|(x, y, _)| (x, y)).unzip();
        assert_eq!((xs.iter().min(), xs.iter().max()), (Some(&15), Some(&34)));
        assert_eq!((ys.iter().min(), ys.iter().max()), (Some(&15), Some(&34)));
    }

    #[test]
    fn the_longest_and_the_flattest_picture_can_be_fitted() {
        for (width, height) in [(1, 900), (900, 1), (1, 1)] {
            assert_eq!(cover(&RgbImage::new(width, height), 32, 64, Filter::Lanczos3).dimensions(), (32, 64));
        }
    }
}
