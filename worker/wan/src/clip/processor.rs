//! `image_processor/preprocessor_config.json`, and the square that it makes of a picture.

use candle_core::{Device, Tensor};
use image::RgbImage;
use image::imageops::crop_imm;
use serde::Deserialize;

use crate::error::{Result, Unsupported};
use crate::picture::{Filter, resize};

/// Pillow's number for bicubic resampling.
const BICUBIC: u32 = 3;

/// How a picture becomes the square that the vision transformer looks at.
#[derive(Debug, Clone, Deserialize)]
pub struct Processor {
    #[serde(default = "yes")]
    do_resize: bool,
    #[serde(default = "yes")]
    do_center_crop: bool,
    #[serde(default = "yes")]
    do_rescale: bool,
    #[serde(default = "yes")]
    do_normalize: bool,
    size: Size,
    crop_size: Size,
    #[serde(default = "bicubic")]
    resample: u32,
    #[serde(default = "per_byte")]
    rescale_factor: f64,
    image_mean: [f32; 3],
    image_std: [f32; 3],
}

/// A size, in one of the ways that it has been written over the years.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(untagged)]
enum Size {
    Number(u32),
    ShortestEdge { shortest_edge: u32 },
    Exact { height: u32, width: u32 },
}

fn yes() -> bool {
    true
}

fn bicubic() -> u32 {
    BICUBIC
}

fn per_byte() -> f64 {
    1.0 / 255.0
}

impl Processor {
    /// Whether this implementation prepares pictures as it asks: resized by Pillow's bicubic filter, cropped at the
    /// centre to a square, from 0 to 1, and normalised.
    ///
    /// # Errors
    /// The first key that has a value out of range.
    pub fn check(&self) -> Result<(), Unsupported> {
        let steps = [
            ("do_resize", self.do_resize),
            ("do_center_crop", self.do_center_crop),
            ("do_rescale", self.do_rescale),
            ("do_normalize", self.do_normalize),
        ];
        if let Some((key, _)) = steps.iter().find(|(_, done)| !done) {
            return Err(Unsupported::new(key, "is false, and only true is supported"));
        }
        if self.resample != BICUBIC {
            let reason = format!("is {}, and only {BICUBIC}, bicubic, is supported", self.resample);
            return Err(Unsupported::new("resample", reason));
        }
        if (self.rescale_factor - per_byte()).abs() > 1e-9 {
            return Err(Unsupported::new(
                "rescale_factor",
                format!("is {}, and only 1/255 is supported", self.rescale_factor),
            ));
        }
        if self.image_std.iter().any(|value| !value.is_normal()) {
            return Err(Unsupported::new(
                "image_std",
                format!("is {:?}, by which nothing can be divided", self.image_std),
            ));
        }
        let edge = match self.crop_size {
            Size::Number(edge) => edge,
            Size::Exact { height, width } if height == width => height,
            other => {
                return Err(Unsupported::new("crop_size", format!("is {other:?}, and only a square is supported")));
            }
        };
        if !(1..=4096).contains(&edge) {
            return Err(Unsupported::new("crop_size", format!("is {edge}, and 1 to 4096 is supported")));
        }
        let least = match self.size {
            Size::Number(edge) | Size::ShortestEdge { shortest_edge: edge } => edge,
            Size::Exact { height, width } => height.min(width),
        };
        if !(edge..=4096).contains(&least) {
            return Err(Unsupported::new(
                "size",
                format!("is {least}, and {edge}, the crop's size, to 4096 is supported"),
            ));
        }
        Ok(())
    }

    /// Edge of the square, in pixels.
    pub fn edge(&self) -> u32 {
        match self.crop_size {
            Size::Number(edge) | Size::ShortestEdge { shortest_edge: edge } => edge,
            Size::Exact { height, .. } => height,
        }
    }

    /// The normalised square of `picture`: `[1, 3, edge, edge]`, in f32.
    ///
    /// # Errors
    /// The device's.
    pub fn prepare(&self, picture: &RgbImage, device: &Device) -> Result<Tensor> {
        let edge = self.edge();
        let (width, height) = self.resized(picture.width(), picture.height());
        let resized = resize(picture, width, height, Filter::Bicubic);
        let square = crop_imm(&resized, (width - edge.min(width)) / 2, (height - edge.min(height)) / 2, edge, edge);
        let pixels = square.to_image().into_raw();
        let normalised = |channel: usize| {
            let (mean, std) = (self.image_mean[channel], self.image_std[channel]);
            let bytes = pixels.iter().skip(channel).step_by(3);
            bytes.map(move |byte| ((f64::from(*byte) * self.rescale_factor) as f32 - mean) / std)
        };
        let planes: Vec<f32> = (0..3).flat_map(normalised).collect();
        Ok(Tensor::from_vec(planes, (1, 3, edge as usize, edge as usize), device)?)
    }

    /// The width and height that a picture of `width` and `height` is resized to.
    fn resized(&self, width: u32, height: u32) -> (u32, u32) {
        let edge = match self.size {
            Size::Exact { height, width } => return (width, height),
            Size::Number(edge) | Size::ShortestEdge { shortest_edge: edge } => edge,
        };
        let longer = |long: u32, short: u32| (f64::from(edge) * f64::from(long) / f64::from(short.max(1))) as u32;
        if width <= height { (edge, longer(height, width)) } else { (longer(width, height), edge) }
    }
}

#[cfg(test)]
mod tests {
    use candle_core::Device;
    use image::{Rgb, RgbImage};
    use serde_json::{Value, json};

    use super::Processor;

    /// The published processor with `key` set to `value`.
    fn with(key: &str, value: Value) -> Processor {
        let mut config = json!({
            "size": {"shortest_edge": 224}, "crop_size": {"height": 224, "width": 224}, "resample": 3,
            "image_mean": [0.48145466, 0.4578275, 0.40821073], "image_std": [0.26862954, 0.26130258, 0.27577711],
            "do_resize": true, "do_center_crop": true, "do_rescale": true, "do_normalize": true, "do_convert_rgb": true,
        });
        config[key] = value;
        serde_json::from_value(config).unwrap()
    }

    #[test]
    fn every_way_to_write_a_size_is_understood() {
        for (key, value) in
            [("size", json!(224)), ("crop_size", json!(224)), ("size", json!({"height": 300, "width": 250}))]
        {
            let processor = with(key, value);
            assert!(processor.check().is_ok());
            assert_eq!(processor.edge(), 224);
        }
        assert_eq!(with("resample", json!(3)).resized(1000, 301), (744, 224));
        assert_eq!(with("size", json!(256)).resized(100, 200), (256, 512));
        assert_eq!(with("size", json!({"height": 300, "width": 250})).resized(100, 200), (250, 300));
    }

    #[test]
    fn the_middle_of_a_picture_is_taken_and_normalised() {
        let column = |x: u32, _| if (4..8).contains(&x) { Rgb([255, 0, 51]) } else { Rgb([9, 9, 9]) };
        let mut processor = with("size", json!(4));
        processor.crop_size = super::Size::Number(4);
        processor.image_mean = [0.5, 0.5, 0.2];
        processor.image_std = [0.5, 0.25, 0.25];
        let square = processor.prepare(&RgbImage::from_fn(12, 4, column), &Device::Cpu).unwrap();
        assert_eq!(square.dims(), [1, 3, 4, 4]);
        for (channel, expected) in [1.0, -2.0, 0.0].into_iter().enumerate() {
            let plane = square.get(0).unwrap().get(channel).unwrap().flatten_all().unwrap().to_vec1::<f32>().unwrap();
            assert!(plane.iter().all(|value| (value - expected).abs() < 1e-6), "{plane:?}");
        }
    }

    #[test]
    fn what_is_not_supported_is_refused_by_its_key() {
        for (key, value) in [
            ("do_center_crop", json!(false)),
            ("resample", json!(2)),
            ("rescale_factor", json!(1.0)),
            ("image_std", json!([1.0, 0.0, 1.0])),
            ("crop_size", json!({"height": 224, "width": 200})),
            ("crop_size", json!(0)),
            ("size", json!({"shortest_edge": 200})),
        ] {
            let refusal = with(key, value).check().unwrap_err().to_string();
            assert!(refusal.starts_with(&format!("`{key}` is ")), "{refusal}");
        }
    }
}
