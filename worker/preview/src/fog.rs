//! Fog: banks that lie before the layers and drift.

use super::dice::{Dice, rough_noise};
use super::ink::Ink;
use super::row::Row;
use super::stage::{Brush, Element, Moment, Posed, Stage};

/// A bank of fog.
pub(crate) struct Fog {
    /// The resting row of its densest part, and how far it reaches up and down, in pixels.
    pub(crate) middle: f32,
    pub(crate) spread: f32,
    pub(crate) near: f32,
    /// How dense it is, 0 to 1.
    pub(crate) density: f32,
    /// Frame widths per second.
    pub(crate) speed: f32,
    pub(crate) paint: Ink,
    pub(crate) seed: u64,
}

struct FogPose {
    thick: [Vec<f32>; 2],
    middle: f32,
    spread: f32,
    density: f32,
    paint: Ink,
}

impl Fog {
    /// A bank of fog of the dice's choice around the resting row `middle`.
    pub(crate) fn new(stage: &Stage, middle: f32, near: f32, density: f32, paint: Ink, dice: &mut Dice) -> Self {
        let speed = dice.between(0.012, 0.03) * dice.pick(&[-1.0, 1.0]);
        Self { middle, spread: stage.unit * (0.09 + 0.10 * near), near, density, speed, paint, seed: dice.roll() }
    }
}

impl Element for Fog {
    fn pose<'a>(&'a self, stage: &Stage, moment: &Moment) -> Box<dyn Posed + 'a> {
        let lens = stage.lens(&moment.view, self.near);
        let drift = self.speed * moment.time_s * stage.width;
        let wide = stage.unit * 0.28;
        let thick = |side: f32| {
            let seed = self.seed ^ side.to_bits() as u64;
            let place = |x: usize| (lens.rest_x(x as f32 + 0.5) + drift * side) / wide;
            (0..stage.width as usize).map(|x| 0.35 + 0.65 * rough_noise(seed, place(x), 3)).collect()
        };
        Box::new(FogPose {
            thick: [thick(1.0), thick(-0.6)],
            middle: lens.seen_y(self.middle),
            spread: self.spread * lens.scale,
            density: self.density,
            paint: self.paint,
        })
    }
}

impl Posed for FogPose {
    fn paint(&self, y: f32, row: &mut Row, brush: &mut Brush) {
        let away = (y - self.middle) / self.spread;
        let strength = self.density * (-away * away).exp();
        if strength < 0.004 {
            return;
        }
        let turn = 0.5 + 0.5 * (away * 2.4).sin();
        brush.shade.clear();
        let banks = self.thick[0].iter().zip(&self.thick[1]);
        brush.shade.extend(banks.map(|(a, b)| (a + (b - a) * turn) * strength));
        row.blend(0, self.paint, &brush.shade);
    }
}
