//! Space: clouds of gas among the stars, and a planet.

use super::camera::ease;
use super::dice::{Dice, lattice, noise};
use super::ink::{Ink, mix};
use super::row::Row;
use super::stage::{Brush, Element, Lens, Moment, Posed, Stage};

/// The sides of the table that the gas is drawn from.
const GAS: [usize; 2] = [192, 128];

/// Glowing gas over the whole sky.
pub(crate) struct Nebula {
    gas: [Vec<f32>; 2],
    paints: [Ink; 2],
}

struct NebulaPose<'a> {
    nebula: &'a Nebula,
    lens: Lens,
    columns: Vec<(usize, f32)>,
    height: f32,
    breath: [f32; 2],
}

impl Nebula {
    /// Gas in two colours.
    pub(crate) fn new(paints: [Ink; 2], dice: &mut Dice) -> Self {
        let mut table = || {
            let seed = dice.roll();
            (0..GAS[0] * GAS[1]).map(|place| gas(seed, (place % GAS[0]) as f32, (place / GAS[0]) as f32)).collect()
        };
        Self { gas: [table(), table()], paints }
    }
}

fn gas(seed: u64, x: f32, y: f32) -> f32 {
    let bend = 14.0 * field(seed ^ 1, x / 30.0, y / 30.0);
    let (x, y) = (x + bend, y - bend);
    let octave = |wide: f32| field(seed ^ wide as u64, x / wide, y / wide);
    let sum = 0.5 * octave(34.0) + 0.28 * octave(15.0) + 0.15 * octave(7.0) + 0.07 * octave(3.0);
    ((sum - 0.42) * 3.0).clamp(0.0, 1.0)
}

/// Smooth chance in two directions, 0 to 1.
fn field(seed: u64, x: f32, y: f32) -> f32 {
    let line = y.floor();
    let row = |line: f32| noise(seed ^ lattice(seed, line as i64).to_bits() as u64, x);
    let (upper, lower) = (row(line), row(line + 1.0));
    upper + (lower - upper) * ease(y - line)
}

impl Element for Nebula {
    fn pose<'a>(&'a self, stage: &Stage, moment: &Moment) -> Box<dyn Posed + 'a> {
        let lens = stage.lens(&moment.view, 0.0);
        let last = (GAS[0] - 2) as f32;
        let column = |x: usize| {
            let place = ((lens.rest_x(x as f32 + 0.5) / stage.width / 1.6 + 0.5) * last).clamp(0.0, last - 0.01);
            (place as usize, place.fract())
        };
        let swing = |speed: f32| 0.62 + 0.06 * (moment.time_s * speed).sin();
        Box::new(NebulaPose {
            nebula: self,
            lens,
            columns: (0..stage.width as usize).map(column).collect(),
            height: stage.height,
            breath: [swing(0.8), swing(1.1)],
        })
    }
}

impl Posed for NebulaPose<'_> {
    fn paint(&self, y: f32, row: &mut Row, brush: &mut Brush) {
        let last = (GAS[1] - 2) as f32;
        let place = ((self.lens.rest_y(y) / self.height - 0.5) / 1.6 + 0.5) * last;
        let place = place.clamp(0.0, last - 0.01);
        let (line, share) = (place as usize * GAS[0], place.fract());
        for ((gas, paint), breath) in self.nebula.gas.iter().zip(self.nebula.paints).zip(self.breath) {
            let rows = gas[line..][..GAS[0]].iter().zip(&gas[line + GAS[0]..][..GAS[0]]);
            brush.cover.clear();
            brush.cover.extend(rows.map(|(a, b)| a + (b - a) * share));
            brush.shade.clear();
            let across =
                self.columns.iter().map(|(at, t)| brush.cover[*at] + (brush.cover[at + 1] - brush.cover[*at]) * t);
            brush.shade.extend(across);
            row.shine(paint, &brush.shade, breath);
        }
    }
}

/// A planet, perhaps with a ring.
pub(crate) struct Planet {
    /// Its middle, in pixels of the resting picture.
    pub(crate) place: [f32; 2],
    pub(crate) radius: f32,
    pub(crate) paints: [Ink; 2],
    pub(crate) ring: bool,
    pub(crate) near: f32,
    pub(crate) seed: u64,
}

struct PlanetPose<'a> {
    planet: &'a Planet,
    x: f32,
    y: f32,
    radius: f32,
    turn: f32,
}

impl Element for Planet {
    fn pose<'a>(&'a self, stage: &Stage, moment: &Moment) -> Box<dyn Posed + 'a> {
        let lens = stage.lens(&moment.view, self.near);
        let [x, y] = [lens.seen_x(self.place[0]), lens.seen_y(self.place[1])];
        Box::new(PlanetPose { planet: self, x, y, radius: self.radius * lens.scale, turn: moment.time_s * 0.12 })
    }
}

impl PlanetPose<'_> {
    fn surface(&self, x: f32, y: f32) -> Ink {
        let depth = (1.0 - x * x - y * y).max(0.0).sqrt();
        let tilted = y * 0.94 + x * 0.34;
        let swirl = noise(self.planet.seed, x * 3.0 + self.turn * 3.0 + tilted * 9.0);
        let band = noise(self.planet.seed ^ 3, tilted * 7.0 + 20.0 + swirl * 0.35);
        let colour = mix(self.planet.paints[0], self.planet.paints[1], ((band - 0.3) * 2.2).clamp(0.0, 1.0));
        let day = (0.62 * depth - 0.60 * x - 0.45 * y + 0.12).clamp(0.03, 1.0);
        mix(colour, [255.0; 3], 0.25 * (day - 0.75).max(0.0)).map(|v| v * day)
    }

    /// How much of the ring is at a place, counted in radii; it passes behind the planet's upper half.
    fn ring(&self, x: f32, y: f32) -> f32 {
        let (along, across) = (x * 0.94 - y * 0.34, (y * 0.94 + x * 0.34) * 4.2);
        let away = (along * along + across * across).sqrt();
        let hidden = across < 0.0 && x * x + y * y < 1.0;
        let band = ((away - 1.30) * 12.0).clamp(0.0, 1.0) * ((2.05 - away) * 12.0).clamp(0.0, 1.0);
        if hidden { 0.0 } else { band * (0.35 + 0.45 * noise(self.planet.seed ^ 8, away * 16.0)) }
    }
}

impl Posed for PlanetPose<'_> {
    fn paint(&self, y: f32, row: &mut Row, _brush: &mut Brush) {
        let down = (y + 0.5 - self.y) / self.radius;
        let reach: f32 = if self.planet.ring { 2.1 } else { 1.1 };
        if down.abs() > reach.min(1.25) {
            return;
        }
        let from = (self.x - reach * self.radius).max(0.0) as usize;
        let to = ((self.x + reach * self.radius).max(0.0) as usize).min(row.width());
        for x in from..to {
            let aside = (x as f32 + 0.5 - self.x) / self.radius;
            let cover = ((1.0 - (aside * aside + down * down).sqrt()) * self.radius + 0.5).clamp(0.0, 1.0);
            if cover > 0.0 {
                row.touch(x, self.surface(aside, down), cover);
            }
            if self.planet.ring {
                row.touch(x, mix(self.planet.paints[1], [255.0; 3], 0.35), self.ring(aside, down));
            }
        }
    }
}
