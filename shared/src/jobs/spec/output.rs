//! What a wish may say of the finished file.

use std::collections::BTreeSet;
use std::str::FromStr;

use super::Invalid;
use crate::jobs::OutputOptions;
use crate::jobs::options::Codec;
use crate::offer::Offer;
use crate::tier::{Size, Tier};

/// What a client asked of the finished file, read but not yet judged. `None` is what it left out.
#[derive(Debug, Clone, Default)]
pub struct OutputWish {
    /// How the pictures are compressed.
    pub codec: Option<String>,
    /// How much that may cost.
    pub quality: Option<String>,
    /// How the file is laid out.
    pub container: Option<String>,
    /// `WIDTHxHEIGHT`, if it is not the size that is drawn.
    pub size: Option<String>,
    /// Frames per second, if they are more than are drawn.
    pub fps: Option<i64>,
    /// Whether the end flows into the beginning.
    pub looped: Option<bool>,
}

/// What a wish for a finished file rests on: the video that is drawn, and what can be made of it.
pub(super) struct Ground<'a> {
    pub tier: Tier,
    pub size: Size,
    pub seconds: i32,
    pub fps: i32,
    pub offer: Option<&'a Offer>,
    pub codecs: BTreeSet<Codec>,
}

impl OutputWish {
    /// The same wish, with what was chosen for an earlier video where it says nothing.
    #[must_use]
    pub fn or(self, earlier: &OutputOptions) -> Self {
        Self {
            codec: self.codec.or_else(|| Some(earlier.codec.as_str().to_owned())),
            quality: self.quality.or_else(|| Some(earlier.quality.as_str().to_owned())),
            container: self.container.or_else(|| Some(earlier.container.as_str().to_owned())),
            size: self.size.or_else(|| earlier.size.map(|size| size.to_string())),
            fps: self.fps.or(earlier.fps.map(i64::from)),
            looped: self.looped.or(Some(earlier.looped)),
        }
    }

    /// The options, as far as they can be had; the first that cannot is named.
    pub(super) fn judge(self, ground: &Ground<'_>) -> Result<OutputOptions, Invalid> {
        Ok(OutputOptions {
            codec: self.codec.map_or(Ok(Codec::default()), |name| ground.codec(&name))?,
            quality: choice("output.quality", self.quality)?,
            container: choice("output.container", self.container)?,
            size: self.size.map(|size| ground.size(&size)).transpose()?,
            fps: self.fps.map(|fps| ground.fps(fps)).transpose()?,
            looped: self.looped.map_or(Ok(false), |looped| ground.looped(looped))?,
        })
    }
}

/// One of the values that have names, or the default.
fn choice<T: Default + FromStr<Err = String>>(field: &'static str, name: Option<String>) -> Result<T, Invalid> {
    name.map_or(Ok(T::default()), |name| name.parse().map_err(|allowed| Invalid::new(field, allowed)))
}

impl Ground<'_> {
    fn codec(&self, name: &str) -> Result<Codec, Invalid> {
        let codec = name.parse().ok().filter(|codec| self.codecs.contains(codec));
        codec.ok_or_else(|| {
            let names: Vec<&str> = self.codecs.iter().map(|codec| codec.as_str()).collect();
            let allowed =
                format!("must be one of those that workers of the {} tier encode: {}", self.tier, names.join(", "));
            Invalid::new("output.codec", allowed)
        })
    }

    fn size(&self, text: &str) -> Result<Size, Invalid> {
        let limits = self.tier.limits().output;
        let is_near = |side: u32, drawn: u32| side <= drawn.saturating_mul(limits.max_factor);
        let size = text.parse::<Size>().ok().filter(|size| {
            size.is_well_formed()
                && size.has_shape_of(self.size)
                && size.area_px() <= limits.max_area_px
                && is_near(size.width, self.size.width)
                && is_near(size.height, self.size.height)
        });
        size.ok_or_else(|| {
            let allowed = format!(
                "must be WIDTHxHEIGHT with even sides of at least 64 pixels, the proportions of the drawn {}, at most {} times as \
                 wide and high, and at most {} pixels in the {} tier",
                self.size, limits.max_factor, limits.max_area_px, self.tier
            );
            Invalid::new("output.size", allowed)
        })
    }

    fn fps(&self, fps: i64) -> Result<u32, Invalid> {
        let (limits, drawn) = (self.tier.limits().output, self.fps.unsigned_abs());
        let max = drawn.saturating_mul(limits.max_factor).min(limits.max_fps).max(drawn);
        let fps = u32::try_from(fps).ok().filter(|fps| (drawn..=max).contains(fps));
        fps.ok_or_else(|| {
            let allowed = format!("must be a whole number from {drawn}, which is how many are drawn, to {max}");
            Invalid::new("output.fps", allowed)
        })
    }

    /// A model that draws as much as is asked of it can draw a loop of any length.
    fn looped(&self, looped: bool) -> Result<bool, Invalid> {
        let max = self.offer.map_or(u32::MAX, Offer::max_looped_seconds);
        match looped && self.seconds.unsigned_abs() > max {
            false => Ok(looped),
            true if max == 0 => {
                Err(Invalid::new("output.loop", "must be false: this model draws too few frames for a loop"))
            }
            true => Err(Invalid::new(
                "output.loop",
                format!("must be false for {} seconds: videos of this model loop up to {max} seconds", self.seconds),
            )),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::jobs::Mode;
    use crate::jobs::options::{Container, Quality};

    fn offer(max_frames: u32) -> Offer {
        Offer {
            model: "Wan".to_owned(),
            modes: vec![Mode::TextToVideo],
            last_frame: false,
            needs_last_frame: false,
            sizes: Vec::new(),
            fps: 16,
            max_frames,
            seconds: None,
            text_sizes: None,
        }
    }

    /// Four seconds of 1280x720 at 16 frames per second, which some worker encodes as HEVC too.
    fn ground(tier: Tier, offer: Option<&Offer>) -> Ground<'_> {
        let codecs = [Codec::H264, Codec::Hevc].into();
        Ground { tier, size: Size { width: 1280, height: 720 }, seconds: 4, fps: 16, offer, codecs }
    }

    #[test]
    fn what_is_left_out_is_the_default() {
        let options = OutputWish::default().judge(&ground(Tier::Fast, None)).expect("nothing is asked");
        assert_eq!(options, OutputOptions::default());
    }

    #[test]
    fn what_is_chosen_is_kept() {
        let wish = OutputWish {
            codec: Some("hevc".to_owned()),
            quality: Some("high".to_owned()),
            container: Some("fragmented_mp4".to_owned()),
            size: Some("1920x1080".to_owned()),
            fps: Some(60),
            looped: Some(true),
        };
        let options = OutputOptions {
            codec: Codec::Hevc,
            quality: Quality::High,
            container: Container::FragmentedMp4,
            size: Some(Size { width: 1920, height: 1080 }),
            fps: Some(60),
            looped: true,
        };
        assert_eq!(wish.clone().judge(&ground(Tier::Fast, None)).expect("a good wish"), options);
        let again = OutputWish::default().or(&options).judge(&ground(Tier::Fast, None));
        assert_eq!(again.expect("the same wish"), options);
        let other = OutputWish { fps: Some(30), looped: Some(false), ..OutputWish::default() }.or(&options);
        let other = other.judge(&ground(Tier::Fast, None)).expect("a good wish");
        assert_eq!(other, OutputOptions { fps: Some(30), looped: false, ..options });
    }

    #[test]
    fn a_size_has_the_shape_of_what_is_drawn_and_the_bounds_of_its_tier() {
        for (size, fast, pro) in [
            ("1280x720", true, true),
            ("640x360", true, true),
            ("1366x768", true, true),
            ("1920x1080", true, true),
            ("1922x1080", false, true),
            ("3840x2160", false, true),
            ("3842x2160", false, false),
            ("1279x720", false, false),
            ("1280x800", false, false),
            ("720x1280", false, false),
            ("64x36", false, false),
            ("1280", false, false),
            ("99999x56250", false, false),
        ] {
            for (tier, accepted) in [(Tier::Fast, fast), (Tier::Pro, pro)] {
                let judged = ground(tier, None).size(size);
                assert_eq!(judged.is_ok(), accepted, "{size} in {tier}: {judged:?}");
            }
        }
        let small = Ground { size: Size { width: 128, height: 72 }, ..ground(Tier::Pro, None) };
        assert!(small.size("512x288").is_ok() && small.size("514x288").is_err(), "four times as wide");
        let tall = Ground { size: Size { width: 72, height: 128 }, ..ground(Tier::Pro, None) };
        assert!(tall.size("288x512").is_ok() && tall.size("288x514").is_err(), "four times as high");
    }

    #[test]
    fn a_rate_is_at_least_what_is_drawn_and_at_most_four_times_that() {
        for (drawn, accepted) in [(8, 8..=32), (15, 15..=60), (16, 16..=60), (30, 30..=60), (64, 64..=64)] {
            let ground = Ground { fps: drawn, ..ground(Tier::Fast, None) };
            for fps in [i64::MIN, -1, 0, 7, 8, 15, 16, 30, 32, 33, 60, 61, 64, 65, i64::MAX] {
                let judged = ground.fps(fps);
                assert_eq!(judged.is_ok(), accepted.contains(&fps), "{fps} of {drawn}: {judged:?}");
            }
        }
    }

    #[test]
    fn a_loop_is_as_long_as_the_model_can_draw_with_its_seam() {
        for (max_frames, accepted) in [(72, true), (71, false), (16, false)] {
            let offer = offer(max_frames);
            let judged = ground(Tier::Fast, Some(&offer)).looped(true);
            assert_eq!(judged.is_ok(), accepted, "{max_frames} frames: {judged:?}");
            assert!(ground(Tier::Fast, Some(&offer)).looped(false).is_ok());
        }
        let offer = offer(71);
        let refused = ground(Tier::Fast, Some(&offer)).looped(true).expect_err("64 and 8 frames are more than 71");
        assert!(refused.field == "output.loop" && refused.allowed.contains("up to 3 seconds"), "{refused}");
    }

    #[test]
    fn what_cannot_be_accepted_is_named_with_what_can() {
        let wish = |wish: OutputWish| wish.judge(&ground(Tier::Fast, None)).expect_err("a bad wish");
        let some = |text: &str| Some(text.to_owned());
        for (refused, field, allowed) in [
            (wish(OutputWish { codec: some("av1"), ..Default::default() }), "output.codec", "h264, hevc"),
            (wish(OutputWish { codec: some("vp9"), ..Default::default() }), "output.codec", "h264, hevc"),
            (
                wish(OutputWish { quality: some("best"), ..Default::default() }),
                "output.quality",
                "compact, standard, high",
            ),
            (
                wish(OutputWish { container: some("mkv"), ..Default::default() }),
                "output.container",
                "mp4, fragmented_mp4",
            ),
            (wish(OutputWish { size: some("big"), ..Default::default() }), "output.size", "1280x720"),
            (wish(OutputWish { fps: Some(12), ..Default::default() }), "output.fps", "from 16"),
        ] {
            assert!(refused.field == field && refused.allowed.contains(allowed), "{refused}");
        }
    }
}
