//! What falls from the sky: rain, snow and lightning. It falls before a drawn scene and before a photograph alike.

use super::dice::{Dice, lattice, scramble};
use super::dots::{Dot, Dots};
use super::ink::{Ink, ink};
use super::row::Row;
use super::stage::{Brush, Element, Moment, Posed, Stage};
use super::words::{Air, Wish};

/// Seconds in which the weather sets in, where a clip has to begin with a given picture.
const ONSET_S: f32 = 0.8;

/// Rain.
pub(crate) struct Rain {
    drops: Vec<Drop>,
    slant: f32,
    paint: Ink,
    sets_in: bool,
}

struct Drop {
    x: f32,
    y: f32,
    near: f32,
}

struct RainPose {
    streaks: Vec<Streak>,
    slant: f32,
    paint: Ink,
}

struct Streak {
    x: f32,
    top: f32,
    bottom: f32,
    strength: f32,
}

impl Rain {
    /// Rain that drives `slant` pixels aside per pixel of fall. Where it `sets_in`, the first frame is dry.
    pub(crate) fn new(heavy: bool, slant: f32, paint: Ink, sets_in: bool, dice: &Dice) -> Self {
        let mut dice = dice.fork(31);
        let count = if heavy { 900 } else { 520 };
        let drop = |_| Drop { x: dice.unit(), y: dice.unit(), near: dice.unit() };
        Self { drops: (0..count).map(drop).collect(), slant, paint, sets_in }
    }
}

impl Element for Rain {
    fn pose<'a>(&'a self, stage: &Stage, moment: &Moment) -> Box<dyn Posed + 'a> {
        let onset = onset(self.sets_in, moment);
        let streaks = self.drops.iter().map(|drop| {
            let length = stage.unit * (0.03 + 0.07 * drop.near);
            let field = stage.height + length * 2.0;
            let fallen = (drop.y + moment.time_s * (0.9 + 0.9 * drop.near)).rem_euclid(1.0) * field - length;
            let wide = stage.width * 1.3;
            let aside = (drop.x - moment.view.shift(0.2 + drop.near)[0]) * wide + self.slant * fallen;
            let strength = (0.10 + 0.22 * drop.near) * onset;
            Streak { x: aside.rem_euclid(wide) - wide * 0.1, top: fallen, bottom: fallen + length, strength }
        });
        Box::new(RainPose { streaks: streaks.collect(), slant: self.slant, paint: self.paint })
    }
}

impl Posed for RainPose {
    fn paint(&self, y: f32, row: &mut Row, _brush: &mut Brush) {
        for streak in self.streaks.iter().filter(|streak| streak.top <= y && y < streak.bottom) {
            let x = streak.x + (y - streak.top) * self.slant;
            if x < 0.0 {
                continue;
            }
            let (first, share) = (x as usize, x.fract());
            let tail = (y - streak.top) / (streak.bottom - streak.top);
            for (column, part) in [(first, 1.0 - share), (first + 1, share)] {
                if column < row.width() {
                    row.touch(column, self.paint, streak.strength * part * tail * 1.6);
                }
            }
        }
    }
}

/// Snow.
pub(crate) struct Snow {
    flakes: Vec<Drop>,
    wind: f32,
    sets_in: bool,
}

impl Snow {
    /// Snow that drifts `wind` frame widths per second. Where it `sets_in`, the first frame is without.
    pub(crate) fn new(wind: f32, sets_in: bool, dice: &Dice) -> Self {
        let mut dice = dice.fork(32);
        let flake = |_| Drop { x: dice.unit(), y: dice.unit(), near: dice.unit().powi(2) };
        Self { flakes: (0..620).map(flake).collect(), wind, sets_in }
    }
}

impl Element for Snow {
    fn pose<'a>(&'a self, stage: &Stage, moment: &Moment) -> Box<dyn Posed + 'a> {
        let onset = onset(self.sets_in, moment);
        let dots = self.flakes.iter().map(|flake| {
            let radius = (stage.unit * (0.0022 + 0.0075 * flake.near)).max(0.9);
            let [across, up] = moment.view.shift(0.2 + flake.near);
            let swing = 0.012 * (moment.time_s * (0.8 + flake.x) + flake.y * 40.0).sin();
            let x = flake.x + swing + self.wind * moment.time_s * (0.5 + flake.near) - across;
            let y = flake.y + moment.time_s * (0.07 + 0.16 * flake.near) + up;
            Dot {
                x: x.rem_euclid(1.0) * (stage.width + 4.0 * radius) - 2.0 * radius,
                y: y.rem_euclid(1.0) * (stage.height + 4.0 * radius) - 2.0 * radius,
                radius,
                paint: ink(0xfa_fc_ff),
                strength: (0.9 - 0.45 * flake.near) * onset,
            }
        });
        Box::new(Dots::new(dots.collect()))
    }
}

/// Lightning: the sky lights up for a moment every few seconds, never twice within a second.
pub(crate) struct Lightning {
    pub(crate) seed: u64,
    pub(crate) horizon: f32,
}

struct Flash {
    strength: f32,
    horizon: f32,
    bolt: Vec<[f32; 2]>,
}

impl Element for Lightning {
    fn pose<'a>(&'a self, stage: &Stage, moment: &Moment) -> Box<dyn Posed + 'a> {
        let round = (moment.time_s / 2.6).floor();
        let since = moment.time_s - round * 2.6 - 0.5 - 0.8 * lattice(self.seed, round as i64);
        let strength = if since < 0.0 { 0.0 } else { (-since * 5.5).exp() };
        let lens = stage.lens(&moment.view, 0.03);
        let horizon = lens.seen_y(self.horizon);
        let bolt = if strength > 0.12 { bolt(stage, scramble(self.seed ^ round as u64), horizon) } else { Vec::new() };
        Box::new(Flash { strength, horizon, bolt })
    }
}

/// The places of a bolt's bends, from the clouds to the horizon.
fn bolt(stage: &Stage, seed: u64, horizon: f32) -> Vec<[f32; 2]> {
    let mut x = (0.15 + 0.7 * lattice(seed, -1)) * stage.width;
    let bend = |bend: i64| {
        x += (lattice(seed, bend) - 0.5) * stage.unit * 0.09;
        [x, horizon * bend as f32 / 14.0]
    };
    (0..=14).map(bend).collect()
}

impl Posed for Flash {
    fn paint(&self, y: f32, row: &mut Row, brush: &mut Brush) {
        if self.strength < 0.01 || y > self.horizon {
            return;
        }
        brush.shade.clear();
        brush.shade.resize(row.width(), self.strength * 0.42);
        row.blend(0, ink(0xc8_d4_f4), &brush.shade);
        for pair in self.bolt.windows(2).filter(|pair| pair[0][1] <= y && y < pair[1][1]) {
            let share = (y - pair[0][1]) / (pair[1][1] - pair[0][1]);
            let x = pair[0][0] + (pair[1][0] - pair[0][0]) * share;
            for column in (x - 6.0).max(0.0) as usize..((x + 7.0).max(0.0) as usize).min(row.width()) {
                let away = (column as f32 + 0.5 - x).abs();
                row.touch(column, ink(0xf6_f4_ff), (self.strength * 1.4 * (1.6 - away * 0.5).max(0.12)).min(1.0));
            }
        }
    }
}

/// How much of the weather is there. Where it `sets_in`, it has also gone at the end of the clip.
fn onset(sets_in: bool, moment: &Moment) -> f32 {
    if sets_in { (moment.time_s / ONSET_S).min((1.0 - moment.progress) * 8.0).min(1.0) } else { 1.0 }
}

/// The weather that falls before a given picture.
pub(crate) fn falling(wish: &Wish, dice: &Dice) -> Vec<Box<dyn Element>> {
    let mut falling: Vec<Box<dyn Element>> = Vec::new();
    let windy = wish.air.contains(&Air::Wind) || wish.air.contains(&Air::Storm);
    if wish.air.contains(&Air::Rain) || wish.air.contains(&Air::Storm) {
        falling.push(Box::new(Rain::new(windy, if windy { 0.30 } else { 0.08 }, ink(0xd8_e0_ea), true, dice)));
    }
    if wish.air.contains(&Air::Snow) {
        falling.push(Box::new(Snow::new(if windy { 0.12 } else { 0.02 }, true, dice)));
    }
    falling
}
