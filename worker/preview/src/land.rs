//! The edges of landscapes: ridges, dunes, hills, woods and grass.

use super::dice::{Dice, lattice, noise, rough_noise};
use super::outline::Outline;
use super::relief::{Peak, bent, cone};
use super::stage::Stage;

/// Summits over more than the frame's width, about `spacing` apart and up to `height` high, in pixels.
///
/// `breadth` is half the width of a summit by its height; a dune (`leaning`) has one steep flank.
pub(crate) fn peaks(
    stage: &Stage,
    spacing: f32,
    height: f32,
    breadth: f32,
    leaning: bool,
    dice: &mut Dice,
) -> Vec<Peak> {
    let mut peaks = Vec::new();
    let mut x = -2.0 * stage.width - spacing;
    while x < 2.0 * stage.width + spacing && peaks.len() < 4096 {
        let height = height * dice.between(0.5, 1.0);
        let reach = height * breadth;
        let steep = if leaning { dice.between(0.45, 0.7) } else { dice.between(0.8, 1.2) };
        let lean = if leaning { dice.between(0.5, 1.3) } else { dice.between(-0.25, 0.25) };
        peaks.push(Peak { x, height, reach: [reach * dice.between(0.9, 1.2), reach * steep], lean });
        x += spacing.max(4.0) * dice.between(0.6, 1.4);
    }
    peaks
}

/// Rock: straight flanks with a broken edge.
pub(crate) fn ridge(stage: &Stage, peaks: &[Peak], rough: f32, seed: u64) -> Outline {
    let grain = rough * 2.5 + 1.0;
    outline(stage, peaks, |height, x| {
        let broken = rough_noise(seed, x / grain, 4) - 0.5;
        height + rough * broken + 0.35 * rough * (noise(seed ^ 5, x / (grain * 4.0)) - 0.5)
    })
}

/// Sand: flanks that run out softly into the plain; also the height that they are bent by.
pub(crate) fn dunes(stage: &Stage, peaks: &[Peak]) -> (Outline, f32) {
    let tallest = peaks.iter().map(|peak| peak.height).fold(1.0, f32::max);
    (outline(stage, peaks, |height, _| bent(height, tallest)), tallest)
}

fn outline(stage: &Stage, peaks: &[Peak], shape: impl Fn(f32, f32) -> f32) -> Outline {
    let widest = peaks.iter().map(|peak| peak.reach[0].max(peak.reach[1])).fold(0.0, f32::max);
    Outline::new(stage.width, |x| {
        let from = peaks.partition_point(|peak| peak.x < x - widest);
        let near = peaks[from..].iter().take_while(|peak| peak.x <= x + widest);
        let height = near.map(|peak| cone(peak, x)).fold(0.0, f32::max);
        shape(height, x)
    })
}

/// Rolling hills, up to `height` high and about `length` long.
pub(crate) fn hills(stage: &Stage, height: f32, length: f32, seed: u64) -> Outline {
    Outline::new(stage.width, |x| hill(seed, x, height, length))
}

fn hill(seed: u64, x: f32, height: f32, length: f32) -> f32 {
    height * (0.8 * noise(seed, x / length) + 0.2 * noise(seed ^ 1, x / length * 2.7))
}

/// A wood of conifers up to `height` high on hills of `ground` height.
pub(crate) fn pines(stage: &Stage, height: f32, ground: f32, density: f32, seed: u64) -> Outline {
    let slot = height * 0.30 / density;
    Outline::new(stage.width, |x| {
        let soil = hill(seed, x, ground, height * 6.0);
        soil + standing(
            x,
            slot,
            2,
            |place| {
                let size = lattice(seed ^ 0x77, place);
                if lattice(seed ^ 0x78, place) > 0.45 + 0.5 * density {
                    return (0.0, 0.0, 1.0);
                }
                (lattice(seed ^ 0x79, place), height * (0.45 + 0.55 * size), height * (0.16 + 0.08 * size))
            },
            conifer,
        )
    })
}

/// Round trees and bushes up to `height` high on hills.
pub(crate) fn grove(stage: &Stage, height: f32, ground: f32, seed: u64) -> Outline {
    Outline::new(stage.width, |x| {
        let soil = hill(seed, x, ground, height * 9.0);
        let wooded = ((noise(seed ^ 9, x / (height * 5.0)) - 0.45) * 5.0).clamp(0.0, 1.0);
        soil + wooded
            * standing(
                x,
                height * 0.45,
                2,
                |place| {
                    let size = lattice(seed ^ 0x31, place);
                    (lattice(seed ^ 0x32, place), height * (0.4 + 0.6 * size), height * (0.32 + 0.2 * size))
                },
                crown,
            )
    })
}

/// Grass: blades up to `height` high on hills.
pub(crate) fn grass(stage: &Stage, height: f32, ground: f32, length: f32, seed: u64) -> Outline {
    Outline::new(stage.width, |x| {
        let soil = hill(seed, x, ground, length);
        let tuft = 0.35 + 0.65 * noise(seed ^ 3, x / (height * 2.5));
        soil + standing(
            x,
            (height * 0.11).max(1.0),
            3,
            |place| {
                let size = lattice(seed ^ 0x51, place);
                (lattice(seed ^ 0x52, place), height * tuft * (0.3 + 0.7 * size * size), (height * 0.10).max(1.2))
            },
            |aside, _| 1.0 - aside,
        )
    })
}

/// The tallest of the things that stand around `x`, one per `slot`: `thing` tells its place within the slot, its
/// height and half width; `shape` its height at a distance from its middle (0 to 1, the edge), counted 0 to 1.
fn standing(
    x: f32,
    slot: f32,
    around: i64,
    thing: impl Fn(i64) -> (f32, f32, f32),
    shape: impl Fn(f32, i64) -> f32,
) -> f32 {
    let here = (x / slot).floor() as i64;
    let one = |place: i64| {
        let (offset, height, half) = thing(place);
        let aside = (x - (place as f32 + offset) * slot).abs() / half;
        if aside < 1.0 { height * shape(aside, place) } else { 0.0 }
    };
    (here - around..=here + around).map(one).fold(0.0, f32::max)
}

/// Branches in tiers, each with its tip pointing outwards.
fn conifer(aside: f32, place: i64) -> f32 {
    let tiers = 7.0 + place.rem_euclid(4) as f32;
    let along = aside.powf(0.85) * tiers;
    let tier = along.floor().min(tiers - 1.0);
    1.0 - (tier + 0.42 * (along - tier).clamp(0.0, 1.0)) / tiers
}

fn crown(aside: f32, _: i64) -> f32 {
    0.45 + 0.55 * (1.0 - aside * aside).sqrt()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_landscape_keeps_to_its_height() {
        let stage = Stage::new(320, 180);
        let mut dice = Dice::new("", 1);
        let summits = peaks(&stage, 80.0, 60.0, 1.2, false, &mut dice);
        let outlines = [
            (ridge(&stage, &summits, 6.0, 3), 68.0),
            (dunes(&stage, &summits).0, 61.0),
            (hills(&stage, 20.0, 90.0, 3), 20.0),
            (pines(&stage, 40.0, 10.0, 1.0, 3), 50.0),
            (grove(&stage, 20.0, 10.0, 3), 30.0),
            (grass(&stage, 12.0, 8.0, 90.0, 3), 20.0),
        ];
        for (number, (outline, limit)) in outlines.iter().enumerate() {
            let highest = outline.highest();
            assert!(highest <= *limit && highest > limit * 0.3, "{number}: {highest}");
        }
    }

    #[test]
    fn summits_are_sorted_and_cover_more_than_the_frame() {
        let stage = Stage::new(4096, 16);
        let summits = peaks(&stage, 0.5, 3.0, 1.0, true, &mut Dice::new("", 1));
        assert!(summits.windows(2).all(|pair| pair[0].x < pair[1].x));
        assert!(summits[0].x < -4096.0 && summits.len() > 10);
    }
}
