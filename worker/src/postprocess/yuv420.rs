//! RGB to what video encoders eat.

use std::slice;

use ffmpeg_next::format::Pixel;
use ffmpeg_next::frame;
use yuv::{BufferStoreMut, YuvConversionMode, YuvPlanarImageMut, YuvRange, YuvStandardMatrix, rgb_to_yuv420};

use super::Target;
use super::error::Cause;
use crate::engine::Frame;

/// Converts frames of one size to planar YUV with half as many colour samples each way, by ITU-R BT.709 in limited
/// range. A colour sample is the mean of the four pixels around it, so it lies in their centre.
pub(super) struct Yuv420 {
    size: Target,
}

impl Yuv420 {
    /// A converter for frames of `size`.
    pub(super) fn new(size: Target) -> Self {
        Self { size }
    }

    /// The frame as FFmpeg wants it. Its size must be that of the converter.
    pub(super) fn convert(&self, frame: &Frame) -> Result<frame::Video, Cause> {
        let Target { width, height } = self.size;
        if frame.dimensions() != (width, height) || frame.is_empty() {
            return Err(format!("a frame has {:?} pixels in place of {width} x {height}", frame.dimensions()).into());
        }
        let mut picture = frame::Video::new(Pixel::YUV420P, width, height);
        let [y_stride, u_stride, v_stride] = [0, 1, 2].map(|plane| picture.stride(plane) as u32);
        let [y_plane, u_plane, v_plane] = planes(&mut picture).map(BufferStoreMut::Borrowed);
        let mut image = YuvPlanarImageMut { y_plane, y_stride, u_plane, u_stride, v_plane, v_stride, width, height };
        let (range, matrix, mode) = (YuvRange::Limited, YuvStandardMatrix::Bt709, YuvConversionMode::Balanced);
        rgb_to_yuv420(&mut image, frame.as_raw(), width * 3, range, matrix, mode)?;
        Ok(picture)
    }
}

#[expect(
    unsafe_code,
    reason = "FFmpeg's wrapper lends one plane at a time, and the converter writes all three at once"
)]
fn planes(picture: &mut frame::Video) -> [&mut [u8]; 3] {
    [0, 1, 2].map(|plane| {
        let samples = picture.data_mut(plane);
        // SAFETY: the planes of a picture do not overlap, and they live as long as the picture, which stays borrowed.
        unsafe { slice::from_raw_parts_mut(samples.as_mut_ptr(), samples.len()) }
    })
}

#[cfg(test)]
mod tests {
    use image::Rgb;

    use super::*;

    fn convert(frame: &Frame) -> frame::Video {
        Yuv420::new(Target { width: frame.width(), height: frame.height() }).convert(frame).unwrap()
    }

    /// ITU-R BT.709-6, items 3.2 to 3.4, for 8 bits.
    fn bt709(rgb: [u8; 3]) -> [f64; 3] {
        let [red, green, blue] = rgb.map(|channel| f64::from(channel) / 255.0);
        let luma = 0.2126 * red + 0.7152 * green + 0.0722 * blue;
        [16.0 + 219.0 * luma, 128.0 + 224.0 * (blue - luma) / 1.8556, 128.0 + 224.0 * (red - luma) / 1.5748]
    }

    #[test]
    fn every_colour_follows_bt709_within_one_step() {
        let levels = [0, 1, 60, 127, 128, 200, 254, 255];
        for rgb in levels.iter().flat_map(|r| levels.iter().flat_map(move |g| levels.map(|b| [*r, *g, b]))) {
            let picture = convert(&Frame::from_pixel(34, 6, Rgb(rgb)));
            for (plane, expected) in bt709(rgb).into_iter().enumerate() {
                for sample in [picture.data(plane)[0], picture.data(plane)[picture.plane_width(plane) as usize - 1]] {
                    assert!((f64::from(sample) - expected).abs() <= 1.0, "{rgb:?} plane {plane}: {sample}, {expected}");
                }
            }
        }
    }

    #[test]
    fn a_colour_sample_is_the_mean_of_its_four_pixels() {
        let corners = [[[255, 0, 0], [0, 0, 255]], [[0, 255, 0], [255, 255, 255]]];
        let picture = convert(&Frame::from_fn(64, 4, |x, y| Rgb(corners[y as usize % 2][x as usize % 2])));
        let expected = bt709([128, 128, 128]);
        for plane in [1, 2] {
            let sample = picture.data(plane)[5];
            assert!((f64::from(sample) - expected[plane]).abs() <= 2.0, "plane {plane}: {sample}");
        }
    }

    #[test]
    fn every_row_lands_in_its_place() {
        let picture = convert(&Frame::from_fn(10, 8, |_, y| Rgb([y as u8 * 30; 3])));
        let firsts: Vec<_> = picture.data(0).chunks_exact(picture.stride(0)).map(|row| row[9]).collect();
        assert_eq!(firsts.len(), 8);
        assert!(firsts.is_sorted_by(|one, next| one < next), "{firsts:?}");
    }

    #[test]
    fn a_frame_of_another_size_is_an_error() {
        assert!(Yuv420::new(Target { width: 8, height: 8 }).convert(&Frame::new(4, 8)).is_err());
    }
}
