//! Waves: an edge that rolls.

use std::f32::consts::TAU;

use super::dice::Dice;
use super::outline::Edge;
use super::stage::Lens;

/// A row of waves.
#[derive(Debug, Clone)]
pub(crate) struct Swell {
    trains: [Train; 3],
    height: f32,
}

#[derive(Debug, Clone, Copy)]
struct Train {
    share: f32,
    per_pixel: f32,
    per_second: f32,
    phase: f32,
}

impl Swell {
    /// Waves up to `height` pixels high and about `length` pixels long, rolling `speed` times their natural pace.
    pub(crate) fn new(height: f32, length: f32, speed: f32, dice: &mut Dice) -> Self {
        let side = dice.pick(&[-1.0, 1.0]);
        let mut train = |share: f32, length: f32, speed: f32| Train {
            share,
            per_pixel: TAU / (length * dice.between(0.85, 1.15)),
            per_second: speed * side,
            phase: dice.between(0.0, TAU),
        };
        let trains = [
            train(0.55, length, 0.9 * speed),
            train(0.30, length * 0.57, -1.3 * speed),
            train(0.15, length * 0.23, 2.1 * speed),
        ];
        Self { trains, height }
    }

    /// The greatest height.
    pub(crate) fn highest(&self) -> f32 {
        self.height
    }

    /// The waves' edge at `time_s`, above the resting height `base`.
    pub(crate) fn edge(&self, lens: &Lens, base: f32, width: usize, time_s: f32) -> Edge {
        Edge::gentle(width, |x| lens.seen_y(base - self.at(lens.rest_x(x), time_s)))
    }

    fn at(&self, x: f32, time_s: f32) -> f32 {
        let crest = |train: &Train| {
            let swing = 0.5 + 0.5 * (train.per_pixel * x + train.per_second * time_s + train.phase).sin();
            train.share * swing * (0.4 + 0.6 * swing)
        };
        self.height * self.trains.iter().map(crest).sum::<f32>()
    }
}
