//! RGB to what video encoders eat.

use ffmpeg_next::format::Pixel;
use ffmpeg_next::frame;
use yuv::{YuvChromaSubsampling, YuvConversionMode, YuvPlanarImageMut, YuvRange, YuvStandardMatrix, rgb_to_yuv420};

use super::Target;
use super::error::Cause;
use crate::engine::Frame;

/// Converts frames of one size to planar YUV with half as many colour samples each way, by ITU-R BT.709 in limited
/// range. A colour sample is the mean of the four pixels around it, so it lies in their centre.
pub(super) struct Yuv420 {
    planes: YuvPlanarImageMut<'static, u8>,
}

impl Yuv420 {
    /// A converter for frames of `size`.
    pub(super) fn new(size: Target) -> Self {
        Self { planes: YuvPlanarImageMut::alloc(size.width, size.height, YuvChromaSubsampling::Yuv420) }
    }

    /// The frame as FFmpeg wants it. Its size must be that of the converter.
    pub(super) fn convert(&mut self, frame: &Frame) -> Result<frame::Video, Cause> {
        let (range, matrix, mode) = (YuvRange::Limited, YuvStandardMatrix::Bt709, YuvConversionMode::Balanced);
        rgb_to_yuv420(&mut self.planes, frame.as_raw(), frame.width() * 3, range, matrix, mode)?;
        let planes = &self.planes;
        let mut picture = frame::Video::new(Pixel::YUV420P, planes.width, planes.height);
        copy_plane(&mut picture, 0, planes.y_plane.borrow(), planes.y_stride);
        copy_plane(&mut picture, 1, planes.u_plane.borrow(), planes.u_stride);
        copy_plane(&mut picture, 2, planes.v_plane.borrow(), planes.v_stride);
        Ok(picture)
    }
}

/// Copies row by row, since FFmpeg pads its rows.
fn copy_plane(picture: &mut frame::Video, plane: usize, samples: &[u8], width: u32) {
    let (stride, width) = (picture.stride(plane), width as usize);
    let rows = picture.data_mut(plane).chunks_exact_mut(stride);
    for (row, samples) in rows.zip(samples.chunks_exact(width)) {
        row[..width].copy_from_slice(samples);
    }
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
