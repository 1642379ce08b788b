//! From a resolution to pixels: 16:9 for a video of text, the picture's proportions for one of images, and the nearest that the
//! tier and its workers can render.

use clipmill_shared::offer::Offer;
use clipmill_shared::tier::{MAX_ASPECT_TENTHS, Size, Tier};

use super::models::Resolution;

const WIDESCREEN: f64 = 16.0 / 9.0;

/// The size of a video of so many seconds.
pub(super) fn size(
    resolution: Resolution,
    image: Option<Size>,
    tier: Tier,
    offer: Option<&Offer>,
    seconds: i64,
) -> Size {
    let wished = wished(resolution, image);
    match offer.and_then(|offer| offer.nearest(wished)) {
        Some(offered) => offered,
        None => within(wished, max_area_px(tier, seconds)),
    }
}

/// The size that MiniMax would make.
fn wished(resolution: Resolution, image: Option<Size>) -> Size {
    let limit = f64::from(MAX_ASPECT_TENTHS) / 10.0;
    let aspect = image.map_or(WIDESCREEN, |image| f64::from(image.width) / f64::from(image.height));
    let aspect = aspect.clamp(1.0 / limit, limit);
    let short = resolution.short_side_px();
    let long = (f64::from(short) * aspect.max(1.0 / aspect) / 2.0).round() as u32 * 2;
    if aspect < 1.0 { Size { width: short, height: long } } else { Size { width: long, height: short } }
}

/// The largest video of the tier that may be so long, in pixels.
fn max_area_px(tier: Tier, seconds: i64) -> u32 {
    let bands = tier.limits().bands.iter().filter(|band| i64::from(band.max_seconds) >= seconds);
    bands.map(|band| band.max_area_px).max().unwrap_or(tier.limits().max_area_px())
}

/// The largest size of the same proportions with at most so many pixels.
fn within(size: Size, max_area_px: u32) -> Size {
    if size.area_px() <= max_area_px {
        return size;
    }
    let share = (f64::from(max_area_px) / f64::from(size.area_px())).sqrt();
    let shrink = |side: u32| (f64::from(side) * share / 2.0).floor() as u32 * 2;
    let (width, height) = (shrink(size.width), shrink(size.height));
    // Rounding must not leave the accepted proportions.
    let longest = |short: u32| short * MAX_ASPECT_TENTHS / 20 * 2;
    Size { width: width.min(longest(height)), height: height.min(longest(width)) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::minimax::models::Resolution::{P512, P720, P768, P1080};

    fn text(size: Size) -> String {
        size.to_string()
    }

    #[test]
    fn a_video_of_text_is_widescreen() {
        for (resolution, tier, seconds, expected) in [
            (P512, Tier::Pro, 10, "910x512"),
            (P720, Tier::Fast, 6, "1280x720"),
            (P768, Tier::Pro, 6, "1366x768"),
            (P768, Tier::Pro, 10, "1366x768"),
            (P768, Tier::Fast, 10, "1366x768"),
            (P1080, Tier::Pro, 6, "1920x1080"),
            // Fast ends at 768P.
            (P1080, Tier::Fast, 6, "1364x768"),
        ] {
            assert_eq!(text(size(resolution, None, tier, None, seconds)), expected, "{resolution} {tier} {seconds}");
        }
    }

    #[test]
    fn a_video_of_an_image_has_its_proportions() {
        for (width, height, resolution, seconds, expected) in [
            (600, 400, P768, 6, "1152x768"),
            (400, 600, P768, 6, "768x1152"),
            (500, 500, P1080, 6, "1080x1080"),
            (3000, 1000, P512, 10, "1280x512"),
            (2000, 1000, P768, 6, "1536x768"),
            // Too many pixels for ten seconds.
            (2000, 1000, P768, 10, "1448x724"),
        ] {
            let image = Some(Size { width, height });
            assert_eq!(text(size(resolution, image, Tier::Pro, None, seconds)), expected, "{width}x{height}");
        }
    }

    #[test]
    fn whatever_the_image_the_tier_accepts_the_size() {
        let sides = [64, 65, 300, 451, 767, 1000, 1999, 8192];
        for (width, height) in sides.into_iter().flat_map(|width| sides.map(|height| (width, height))) {
            for (resolution, seconds) in [(P512, 10), (P720, 6), (P768, 10), (P1080, 6)] {
                for tier in Tier::ALL {
                    let size = size(resolution, Some(Size { width, height }), tier, None, seconds);
                    assert!(size.is_well_formed(), "{width}x{height} became {size}");
                    let longest = tier.limits().max_seconds(size);
                    assert!(longest.is_some_and(|longest| i64::from(longest) >= seconds), "{size} {tier} {seconds}");
                }
            }
        }
    }
}
