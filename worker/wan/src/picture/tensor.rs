//! Bytes into the range that the models see.

use candle_core::{Device, Tensor};
use image::RgbImage;

use crate::error::Result;

/// The colours of `picture` from -1 to 1: `[1, 3, height, width]`, in f32.
///
/// # Errors
/// The device's.
pub fn to_tensor(picture: &RgbImage, device: &Device) -> Result<Tensor> {
    let (width, height) = (picture.width() as usize, picture.height() as usize);
    let plane =
        |channel: usize| picture.iter().skip(channel).step_by(3).map(|byte| f32::from(*byte) / 255.0 * 2.0 - 1.0);
    let planes: Vec<f32> = (0..3).flat_map(plane).collect();
    Ok(Tensor::from_vec(planes, (1, 3, height, width), device)?)
}

#[cfg(test)]
mod tests {
    use candle_core::Device;
    use image::{Rgb, RgbImage};

    use super::to_tensor;

    #[test]
    fn every_colour_has_its_plane() {
        let picture = RgbImage::from_fn(2, 1, |x, _| if x == 0 { Rgb([255, 0, 51]) } else { Rgb([0, 255, 204]) });
        let tensor = to_tensor(&picture, &Device::Cpu).unwrap();
        assert_eq!(tensor.dims(), [1, 3, 1, 2]);
        let values = tensor.flatten_all().unwrap().to_vec1::<f32>().unwrap();
        assert_eq!(values, [1.0, -1.0, -1.0, 1.0, -0.6, 0.6]);
    }
}
