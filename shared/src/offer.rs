//! What the fleet can really render: the sizes, the rate and the lengths of the model behind a tier.
//!
//! A tier says what may be sold; the worker's engine says what it can do of that. The API offers and accepts both together.

use serde::{Deserialize, Serialize};

use crate::jobs::{Mode, OutputOptions};
use crate::tier::{DEFAULT_SECONDS, Size};

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
    /// The only lengths, in whole seconds and from the shortest; any up to the longest if there is no list.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seconds: Option<Vec<u32>>,
    /// The sizes of videos of text alone, where those are fewer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text_sizes: Option<Vec<Size>>,
}

impl Offer {
    /// The longest video, in whole seconds.
    pub fn max_seconds(&self) -> u32 {
        self.max_frames / self.fps.max(1)
    }

    /// The longest video whose end can flow into its beginning, in whole seconds: it needs frames beyond its length, which a
    /// video of a given length does not have.
    pub fn max_looped_seconds(&self) -> u32 {
        if self.seconds.is_some() {
            return 0;
        }
        self.max_frames.saturating_sub(OutputOptions::seam_frames(self.fps)) / self.fps.max(1)
    }

    /// The offered length nearest to so many seconds: the longest that is no longer, or else the shortest.
    pub fn nearest_seconds(&self, wished: u32) -> u32 {
        let Some(lengths) = &self.seconds else { return wished.min(self.max_seconds()) };
        let shorter = lengths.iter().rfind(|length| **length <= wished);
        shorter.or(lengths.first()).copied().unwrap_or(wished)
    }

    /// The length when none is asked for, of those up to `max`, in seconds.
    pub fn default_seconds(&self, max: u32) -> u32 {
        let max = max.min(self.max_seconds());
        let Some(lengths) = &self.seconds else { return DEFAULT_SECONDS.min(max) };
        let mut within = lengths.iter().filter(|length| **length <= max);
        let longest = within.clone().next_back();
        within.find(|length| **length >= DEFAULT_SECONDS).or(longest).copied().unwrap_or(max)
    }

    /// The sizes of videos that start from an image, or of those of text alone.
    pub fn sizes(&self, has_image: bool) -> &[Size] {
        self.text_sizes.as_ref().filter(|_| !has_image).unwrap_or(&self.sizes)
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
        let seconds = both(self.seconds.as_ref(), other.seconds.as_ref());
        let text_sizes = both(self.text_sizes.as_ref(), other.text_sizes.as_ref())
            .map(|text| text.into_iter().filter(|size| sizes.contains(size)).collect::<Vec<_>>());
        if seconds.as_ref().is_some_and(Vec::is_empty) || text_sizes.as_ref().is_some_and(Vec::is_empty) {
            return self;
        }
        let (last_frame, max_frames) = (self.last_frame && other.last_frame, self.max_frames.min(other.max_frames));
        Offer { modes, sizes, last_frame, max_frames, seconds, text_sizes, ..self }
    }
}

/// What is on both lists; where there is no list, everything is.
fn both<T: Clone + PartialEq>(one: Option<&Vec<T>>, other: Option<&Vec<T>>) -> Option<Vec<T>> {
    match (one, other) {
        (Some(one), Some(other)) => Some(one.iter().filter(|item| other.contains(item)).cloned().collect()),
        (one, other) => one.or(other).cloned(),
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
            seconds: None,
            text_sizes: None,
        }
    }

    /// 6 or 10 seconds, of text in one size alone.
    fn choosy(seconds: &[u32], text_sizes: &[&str]) -> Offer {
        let text_sizes = text_sizes.iter().map(|size| size.parse().expect("a size")).collect();
        Offer {
            seconds: Some(seconds.to_vec()),
            text_sizes: Some(text_sizes),
            ..offer(&["832x480", "480x832", "1280x720"], 160)
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
    fn lists_of_lengths_and_of_text_s_sizes_meet_too() {
        let (six_or_ten, any) = (choosy(&[6, 10], &["832x480", "1280x720"]), offer(&["832x480", "480x832"], 160));
        for met in [six_or_ten.clone().meet(&any), any.clone().meet(&six_or_ten)] {
            assert_eq!(
                (&met.seconds, met.sizes(true), met.sizes(false)),
                (&Some(vec![6, 10]), &any.sizes[..], &any.sizes[..1])
            );
        }
        let six = six_or_ten.clone().meet(&choosy(&[5, 6], &["1280x720"]));
        assert_eq!((six.seconds.as_deref(), six.sizes(false).len()), (Some(&[6][..]), 1));
        assert_eq!(six_or_ten.clone().meet(&choosy(&[5], &["832x480"])), six_or_ten, "no length in common");
        assert_eq!(six_or_ten.clone().meet(&choosy(&[6], &["480x832"])), six_or_ten, "no size of text in common");
    }

    #[test]
    fn a_video_of_given_lengths_is_as_long_as_one_of_them_and_does_not_loop() {
        let offer = choosy(&[6, 10], &["832x480"]);
        for (wished, nearest) in [(1, 6), (6, 6), (9, 6), (10, 10), (60, 10)] {
            assert_eq!(offer.nearest_seconds(wished), nearest);
        }
        for (lengths, max, default) in [(&[6, 10][..], 10, 6), (&[2, 3], 10, 3), (&[2, 6], 5, 2), (&[6], 5, 5)] {
            assert_eq!(choosy(lengths, &["832x480"]).default_seconds(max), default, "{lengths:?} up to {max}");
        }
        assert_eq!(offer.max_looped_seconds(), 0);
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
        assert!(!text.contains("seconds"), "a process of the version before is not troubled: {text}");
        assert_eq!(serde_json::from_str::<Offer>(&text).expect("an offer"), offer);
        let choosy = choosy(&[6, 10], &["832x480"]);
        let text = serde_json::to_string(&choosy).expect("JSON");
        assert_eq!(serde_json::from_str::<Offer>(&text).expect("an offer"), choosy);
    }
}
