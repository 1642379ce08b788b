//! The night's small lights: stars, fireflies and the traffic of streets.

use std::f32::consts::TAU;

use super::dice::Dice;
use super::dots::{Dot, Dots};
use super::ink::{Ink, ink};
use super::stage::{Element, Moment, Posed, Stage};

/// Stars that twinkle.
pub(crate) struct Stars {
    stars: Vec<Star>,
    strength: f32,
}

struct Star {
    x: f32,
    y: f32,
    radius: f32,
    paint: Ink,
    bright: f32,
    phase: f32,
}

impl Stars {
    /// `count` stars above the resting height `horizon`, of `strength` 0 to 1.
    pub(crate) fn new(stage: &Stage, count: usize, horizon: f32, strength: f32, dice: &mut Dice) -> Self {
        let stars = (0..count).map(|_| {
            let rare = dice.unit().powi(6);
            Star {
                x: dice.between(-1.1, 1.1) * stage.width,
                y: horizon - (horizon + stage.height * 0.6) * dice.unit().powf(0.8),
                radius: (stage.unit * (0.0011 + 0.0022 * rare)).max(0.9),
                paint: dice.pick(&[ink(0xff_ff_ff), ink(0xd8_e6_ff), ink(0xff_ee_d8)]),
                bright: 0.35 + 0.25 * dice.unit() + 0.4 * rare,
                phase: dice.between(0.0, TAU),
            }
        });
        Self { stars: stars.collect(), strength }
    }
}

impl Element for Stars {
    fn pose<'a>(&'a self, stage: &Stage, moment: &Moment) -> Box<dyn Posed + 'a> {
        let lens = stage.lens(&moment.view, 0.0);
        let dots = self.stars.iter().map(|star| {
            let twinkle = 0.8 + 0.2 * (moment.time_s * (1.5 + star.phase * 0.4) + star.phase).sin();
            let strength = (star.bright * twinkle * self.strength).min(1.0);
            Dot { x: lens.seen_x(star.x), y: lens.seen_y(star.y), radius: star.radius, paint: star.paint, strength }
        });
        Box::new(Dots::new(dots.collect()))
    }
}

/// Fireflies that wander and glow by turns.
pub(crate) struct Fireflies {
    flies: Vec<Star>,
}

impl Fireflies {
    /// Fireflies around the resting row `middle`.
    pub(crate) fn new(stage: &Stage, middle: f32, dice: &mut Dice) -> Self {
        let flies = (0..46).map(|_| Star {
            x: dice.between(-0.8, 0.8) * stage.width,
            y: middle + stage.unit * dice.between(-0.16, 0.16),
            radius: (stage.unit * dice.between(0.006, 0.012)).max(1.0),
            paint: ink(0xff_ec_8a),
            bright: dice.between(0.6, 1.0),
            phase: dice.between(0.0, TAU),
        });
        Self { flies: flies.collect() }
    }
}

impl Element for Fireflies {
    fn pose<'a>(&'a self, stage: &Stage, moment: &Moment) -> Box<dyn Posed + 'a> {
        let lens = stage.lens(&moment.view, 0.6);
        let dots = self.flies.iter().flat_map(|fly| {
            let swing = |speed: f32| (moment.time_s * speed + fly.phase * 3.0).sin() * stage.unit * 0.025;
            let (x, y) = (lens.seen_x(fly.x + swing(0.7)), lens.seen_y(fly.y + swing(0.9)));
            let strength = fly.bright * (0.5 + 0.5 * (moment.time_s * 2.1 + fly.phase * 5.0).sin());
            let halo = Dot { x, y, radius: fly.radius, paint: fly.paint, strength: strength * 0.30 };
            [halo, Dot { radius: fly.radius * 0.35, strength, ..halo }]
        });
        Box::new(Dots::new(dots.collect()))
    }
}

/// The lamps of cars, in two lanes.
pub(crate) struct Traffic {
    cars: Vec<Car>,
    rows: [f32; 2],
    speed: f32,
}

struct Car {
    start: f32,
    lane: usize,
    speed: f32,
}

impl Traffic {
    /// Cars on the resting rows `rows`, at `speed` frame widths per second.
    pub(crate) fn new(rows: [f32; 2], speed: f32, dice: &mut Dice) -> Self {
        let cars = (0..22).map(|number| Car { start: dice.unit(), lane: number % 2, speed: dice.between(0.7, 1.3) });
        Self { cars: cars.collect(), rows, speed }
    }
}

impl Element for Traffic {
    fn pose<'a>(&'a self, stage: &Stage, moment: &Moment) -> Box<dyn Posed + 'a> {
        let lens = stage.lens(&moment.view, 0.9);
        let size = stage.unit * lens.scale;
        let dots = self.cars.iter().flat_map(|car| {
            let side = if car.lane == 0 { 1.0 } else { -1.0 };
            let turn = (car.start + side * car.speed * self.speed * moment.time_s / 3.0).rem_euclid(1.0);
            let (x, y) = (lens.seen_x((turn - 0.5) * 3.0 * stage.width), lens.seen_y(self.rows[car.lane]));
            let paint = if car.lane == 0 { ink(0xff_50_3c) } else { ink(0xff_f4_d6) };
            let halo = Dot { x, y, radius: (size * 0.030).max(1.5), paint, strength: 0.30 };
            let lamp = Dot { radius: (size * 0.009).max(1.0), strength: 1.0, ..halo };
            [halo, lamp, Dot { x: x + size * 0.022, ..lamp }]
        });
        Box::new(Dots::new(dots.collect()))
    }
}
