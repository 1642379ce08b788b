//! What the fleet can really render: the sizes, the rate and the lengths of the model behind a tier.
//!
//! A tier says what may be sold; the worker's engine says what it can do of that. The API offers and accepts both together.

use serde::{Deserialize, Serialize};

use crate::jobs::{Mode, OutputOptions};
use crate::tier::Size;

/// What an engine can render in one tier. An engine that can render whatever the tier accepts makes none.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Offer {
    /// The model, as its folder calls it.
    pub model: String,
    /// What a job may start from.
    pub modes: Vec<Mode>,
    /// Whether a video may be given the picture that it ends on.
    pub last_frame: bool,
    /// Whether it has to be given one.
    #[serde(default)]
    pub needs_last_frame: bool,
    /// The sizes, the one to use when none is asked for first.
    pub sizes: Vec<Size>,
    /// The only frame rate, in frames per second.
    pub fps: u32,
    /// The longest video, in frames.
    pub max_frames: u32,
}

impl Offer {
    /// The longest video, in whole seconds.
    pub fn max_seconds(&self) -> u32 {
        self.max_frames / self.fps.max(1)
    }

    /// The longest video whose end can flow into its beginning, in whole seconds: it needs frames beyond its length.
    pub fn max_looped_seconds(&self) -> u32 {
        self.max_frames.saturating_sub(OutputOptions::seam_frames(self.fps)) / self.fps.max(1)
    }

    /// The offered size whose shape is nearest to that of an image.
    pub fn following(&self, image: Size) -> Option<Size> {
        let shape = |size: Size| (f64::from(size.width) / f64::from(size.height)).ln();
        let distance = |size: &&Size| (shape(**size) - shape(image)).abs();
        self.sizes.iter().min_by(|one, other| distance(one).total_cmp(&distance(other))).copied()
    }

    /// The offered size nearest to this one: of those of about its shape, the one of about its area.
    pub fn nearest(&self, wished: Size) -> Option<Size> {
        const SAME_SHAPE: f64 = 0.05;
        let ratio = |one: u32, other: u32| (f64::from(one) / f64::from(other.max(1))).ln();
        let shape = |size: Size| (ratio(size.width, size.height) - ratio(wished.width, wished.height)).abs();
        let best = self.sizes.iter().map(|size| shape(*size)).min_by(f64::total_cmp)?;
        let alike = self.sizes.iter().filter(|size| shape(**size) <= best + SAME_SHAPE);
        let area = |size: &&Size| ratio(size.area_px(), wished.area_px()).abs();
        alike.min_by(|one, other| area(one).total_cmp(&area(other))).copied()
    }

    /// What two workers of a tier both can render: whichever claims a job has to be able to. Where they have nothing in
    /// common, what `self` can.
    #[must_use]
    pub fn meet(self, other: &Offer) -> Offer {
        let modes: Vec<Mode> = self.modes.iter().filter(|mode| other.modes.contains(mode)).copied().collect();
        let sizes: Vec<Size> = self.sizes.iter().filter(|size| other.sizes.contains(size)).copied().collect();
        if modes.is_empty() || sizes.is_empty() || self.fps != other.fps {
            return self;
        }
        let (last_frame, max_frames) = (self.last_frame && other.last_frame, self.max_frames.min(other.max_frames));
        Offer { modes, sizes, last_frame, max_frames, ..self }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn offer(sizes: &[&str], max_frames: u32) -> Offer {
        Offer {
            model: "Wan".to_owned(),
            modes: vec![Mode::TextToVideo, Mode::ImageToVideo],
            last_frame: false,
            needs_last_frame: false,
            sizes: sizes.iter().map(|size| size.parse().expect("a size")).collect(),
            fps: 16,
            max_frames,
        }
    }

    #[test]
    fn two_workers_offer_what_both_can_render() {
        let both = offer(&["832x480", "480x832", "1280x720"], 81).meet(&offer(&["480x832", "832x480"], 49));
        assert_eq!(both, offer(&["832x480", "480x832"], 49));
        assert_eq!(both.max_seconds(), 3);
    }

    #[test]
    fn a_loop_needs_frames_beyond_its_length() {
        for (frames, seconds, looped) in [(81, 5, 4), (88, 5, 5), (49, 3, 2), (24, 1, 1), (23, 1, 0), (7, 0, 0)] {
            let offer = offer(&["832x480"], frames);
            assert_eq!((offer.max_seconds(), offer.max_looped_seconds()), (seconds, looped), "{frames} frames");
        }
    }

    #[test]
    fn workers_that_have_nothing_in_common_leave_the_first_one_s_offer() {
        let first = offer(&["832x480"], 81);
        assert_eq!(first.clone().meet(&offer(&["1280x704"], 121)), first);
        assert_eq!(first.clone().meet(&Offer { fps: 24, ..first.clone() }), first);
    }

    #[test]
    fn an_image_gets_the_size_of_its_shape() {
        let offer = offer(&["832x480", "480x832", "624x624"], 81);
        for (width, height, size) in [(1920, 1080, "832x480"), (300, 450, "480x832"), (1000, 1100, "624x624")] {
            assert_eq!(offer.following(Size { width, height }).map(|size| size.to_string()).as_deref(), Some(size));
        }
    }

    #[test]
    fn the_nearest_size_has_the_shape_and_then_the_area() {
        let offer = offer(&["832x480", "480x832", "1280x720", "720x1280", "624x624"], 81);
        for (wished, size) in [
            ("1366x768", "1280x720"),
            ("910x512", "832x480"),
            ("768x1366", "720x1280"),
            ("1920x1080", "1280x720"),
            ("1080x1080", "624x624"),
        ] {
            let nearest = offer.nearest(wished.parse().expect("a size")).expect("one of five");
            assert_eq!(nearest.to_string(), size, "{wished}");
        }
    }

    #[test]
    fn an_offer_survives_its_way_through_the_ledger() {
        let offer = offer(&["832x480"], 81);
        let text = serde_json::to_string(&offer).expect("JSON");
        assert!(text.contains(r#""sizes":["832x480"]"#), "{text}");
        assert_eq!(serde_json::from_str::<Offer>(&text).expect("an offer"), offer);
    }
}
