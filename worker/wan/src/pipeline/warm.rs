//! Getting ready: what would make the first render slower than the next is done before it.

use image::RgbImage;

use super::model::{Expert, Model};
use super::request::{Request, Settings};
use crate::error::Result;
use crate::folder::Part;
use crate::schedule::Sampling;
use crate::watch::Watch;

impl Model {
    /// Reads the components that stay loaded, and renders a tiny picture so that the device has compiled and chosen what it
    /// computes with.
    ///
    /// # Errors
    /// As [`render`](Self::render).
    pub fn warm_up(&self, settings: &Settings, watch: &dyn Watch) -> Result<()> {
        for expert in self.experts() {
            let part = if *expert == Expert::Low { Part::Transformer2 } else { Part::Transformer };
            if self.kept().contains(&part) {
                self.transformer(*expert, watch)?;
            }
        }
        let side = 4 * self.folder().vae.scale_factor_spatial as u32;
        let grey = RgbImage::from_pixel(side, side, image::Rgb([128; 3]));
        let kind = self.folder().kind;
        let request = Request {
            prompt: "",
            negative_prompt: "",
            width: side,
            height: side,
            frames: 1,
            seed: 0,
            first_frame: kind.needs_image().then_some(&grey),
            last_frame: kind.needs_last_image().then_some(&grey),
        };
        let sampling = match &settings.sampling {
            Sampling::Steps { shift, .. } => Sampling::Steps { count: 1, shift: *shift },
            Sampling::Distilled { steps, shift, renoise } => {
                Sampling::Distilled { steps: steps.iter().take(1).copied().collect(), shift: *shift, renoise: *renoise }
            }
        };
        self.render(&request, &Settings { sampling, ..settings.clone() }, watch, &mut |_| Ok(()))
    }
}
