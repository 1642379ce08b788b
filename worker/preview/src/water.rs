//! Open water: it mirrors what stands behind it, ripples, and glitters under the sun or the moon.

use super::camera::ease;
use super::dice::{Dice, lattice};
use super::ink::Ink;
use super::row::Row;
use super::sky::Lamp;
use super::stage::{Brush, Element, Lens, Moment, Posed, Stage};

/// The side of the ripple table.
const RIPPLES: usize = 128;

/// A plane of water from the horizon to the camera.
pub(crate) struct Water {
    /// The resting row where it begins.
    pub(crate) horizon: f32,
    /// Its own colour close by.
    pub(crate) paint: Ink,
    /// How much of its own colour it shows at the horizon and close by, 0 to 1.
    pub(crate) body: [f32; 2],
    /// How rough it is: 0 a mirror, 1 a sea.
    pub(crate) rough: f32,
    /// How fast it ripples; 1 is natural.
    pub(crate) speed: f32,
    pub(crate) lamp: Lamp,
    pub(crate) ripples: Ripples,
}

/// Smooth chance in two directions that repeats itself, 0 to 1.
pub(crate) struct Ripples(Vec<f32>);

impl Ripples {
    /// Ripples of the dice's choice.
    pub(crate) fn new(dice: &mut Dice) -> Self {
        let seed = dice.roll();
        let cell = |x: usize, y: usize, wide: usize| {
            let at = |dx: usize, dy: usize| {
                let (x, y) = ((x / wide + dx) % (RIPPLES / wide), (y / wide + dy) % (RIPPLES / wide));
                lattice(seed.wrapping_add(wide as u64), (y * RIPPLES + x) as i64)
            };
            let share = |i: usize| ease((i % wide) as f32 / wide as f32);
            let (tx, ty) = (share(x), share(y));
            let upper = at(0, 0) + (at(1, 0) - at(0, 0)) * tx;
            let lower = at(0, 1) + (at(1, 1) - at(0, 1)) * tx;
            upper + (lower - upper) * ty
        };
        let value = |place: usize| {
            let (x, y) = (place % RIPPLES, place / RIPPLES);
            0.6 * cell(x, y, 8) + 0.4 * cell(x, y, 4)
        };
        Self((0..RIPPLES * RIPPLES).map(value).collect())
    }

    /// One line across the table, with its first value once more at the end.
    fn line(&self, at: f32, line: &mut Vec<f32>) {
        let place = at.rem_euclid(RIPPLES as f32);
        let (first, share) = (place as usize % RIPPLES, place.fract());
        let second = (first + 1) % RIPPLES;
        let rows = self.0[first * RIPPLES..][..RIPPLES].iter().zip(&self.0[second * RIPPLES..][..RIPPLES]);
        line.clear();
        line.extend(rows.map(|(a, b)| a + (b - a) * share));
        line.push(line[0]);
    }
}

struct WaterPose<'a> {
    water: &'a Water,
    horizon: f32,
    lamp_x: f32,
    centre: f32,
    size: f32,
    slide: f32,
    phase: f32,
    resting: Lens,
}

impl Element for Water {
    fn pose<'a>(&'a self, stage: &Stage, moment: &Moment) -> Box<dyn Posed + 'a> {
        let lens = stage.lens(&moment.view, 0.04);
        Box::new(WaterPose {
            water: self,
            horizon: lens.seen_y(self.horizon),
            lamp_x: lens.seen_x(self.lamp.x),
            centre: lens.seen_x(0.0),
            size: stage.unit * lens.scale,
            slide: moment.view.shift(1.0)[0] - moment.view.shift(0.0)[0],
            phase: moment.time_s * self.speed,
            resting: lens,
        })
    }
}

impl WaterPose<'_> {
    /// How far down from the horizon a row is: 0 at the horizon, about 1 at the lower edge of a landscape frame.
    fn depth(&self, y: f32) -> f32 {
        ((y + 0.5 - self.horizon) / (0.45 * self.size)).max(0.0)
    }

    /// Moves the mirrored row aside, more the closer it is.
    fn waver(&self, depth: f32, row: &mut Row, brush: &mut Brush) {
        let wave = 8.0 / (depth + 0.05);
        let swing = (wave * 2.1 + self.phase * 2.3).sin() + 0.6 * (wave * 3.7 - self.phase * 1.9).sin();
        let aside = (swing * depth * (0.004 + 0.010 * self.water.rough) * self.size) as isize;
        if aside == 0 {
            return;
        }
        for plane in row.planes() {
            brush.shade.clear();
            brush.shade.extend_from_slice(plane);
            let last = plane.len() as isize - 1;
            for (x, pixel) in plane.iter_mut().enumerate() {
                *pixel = brush.shade[(x as isize + aside).clamp(0, last) as usize];
            }
        }
    }

    /// The light and dark of the ripples and the lamp's glitter.
    fn glitter(&self, depth: f32, row: &mut Row, brush: &mut Brush) {
        let mut line = std::mem::take(&mut brush.cover);
        self.water.ripples.line(17.0 / (depth + 0.07) + self.phase * 1.6, &mut line);
        let wide = self.size * (0.010 + 0.10 * depth) * 0.55;
        let path = self.size * (0.025 + 0.15 * depth) * (0.5 + self.water.rough * 0.7);
        let slide = self.slide * self.size * 1.6 * depth;
        let shine = self.water.lamp.glow * if self.water.lamp.visible { 0.9 } else { 0.25 };
        let wash = 26.0 * (0.25 + self.water.rough) * depth.min(0.7);
        let (red, green, blue) = (&mut row.red, &mut row.green, &mut row.blue);
        let drift = self.phase * 0.9 + (depth * 91.0).sin() * 0.4;
        let shadow = self.water.lamp.paint;
        for (x, ((red, green), blue)) in red.iter_mut().zip(green).zip(blue).enumerate() {
            let place = (x as f32 - self.centre + slide) / wide + drift + 4096.0;
            let index = place as usize;
            let cell = index % RIPPLES;
            let ripple = line[cell] + (line[cell + 1] - line[cell]) * (place - index as f32);
            let aside = (x as f32 - self.lamp_x) / path;
            let dash = ((ripple - 0.53) * 9.0).clamp(0.0, 1.0);
            let spark = (dash * shine / (1.0 + aside * aside * (1.0 + aside * aside))).min(1.0);
            let light = (ripple - 0.5) * wash;
            *red += light + (shadow[0] - *red) * spark;
            *green += light + (shadow[1] - *green) * spark;
            *blue += light + (shadow[2] - *blue) * spark;
        }
        brush.cover = line;
    }
}

impl Posed for WaterPose<'_> {
    fn paint(&self, y: f32, row: &mut Row, brush: &mut Brush) {
        if y < self.horizon {
            return;
        }
        let depth = self.depth(y);
        self.waver(depth, row, brush);
        let [far, close] = self.water.body;
        let share = far + (close - far) * (depth * 1.1).min(1.0);
        brush.shade.clear();
        brush.shade.resize(row.width(), share);
        row.blend(0, self.water.paint, &brush.shade);
        self.glitter(depth, row, brush);
    }

    fn mirrored(&self, y: f32) -> Option<f32> {
        if y < self.horizon {
            return None;
        }
        let depth = self.depth(y);
        let wave = 14.0 / (depth + 0.06);
        let swing = (wave * 3.1 + self.phase * 2.6).sin() + 0.7 * (wave * 5.3 - self.phase * 3.4).sin();
        let tremble = swing * depth * self.size * (0.012 + 0.055 * self.water.rough);
        let row = self.horizon - 1.0 - (y - self.horizon) * 0.92 + tremble;
        Some(row.clamp(self.resting.seen_y(-4.0 * self.size), self.horizon - 1.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ripples_repeat_themselves_without_a_seam() {
        let ripples = Ripples::new(&mut Dice::new("", 1));
        let (mut line, mut again) = (Vec::new(), Vec::new());
        ripples.line(3.25, &mut line);
        ripples.line(3.25 - 2.0 * RIPPLES as f32, &mut again);
        assert_eq!(line, again);
        assert_eq!(line.len(), RIPPLES + 1);
        assert!(line.windows(2).all(|pair| (pair[0] - pair[1]).abs() < 0.4));
    }
}
