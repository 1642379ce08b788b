//! A flock of birds that crosses the sky.

use std::f32::consts::TAU;

use super::dice::Dice;
use super::ink::Ink;
use super::stage::{Element, Moment, Posed, Stage};
use super::strokes::{Stroke, Strokes, curve};

/// A flock.
pub(crate) struct Birds {
    birds: Vec<Bird>,
    start: [f32; 2],
    speed: f32,
    paint: Ink,
}

struct Bird {
    offset: [f32; 2],
    size: f32,
    phase: f32,
}

impl Birds {
    /// A flock at about the resting row `height`.
    pub(crate) fn new(stage: &Stage, height: f32, paint: Ink, speed: f32, dice: &mut Dice) -> Self {
        let count = dice.pick(&[5, 7, 8, 9]);
        let birds = (0..count).map(|number: i32| {
            let rank = ((number + 1) / 2) as f32;
            let side = if number % 2 == 0 { 1.0 } else { -1.0 };
            let jitter = [dice.between(-0.012, 0.012), dice.between(-0.01, 0.01)];
            Bird {
                offset: [(-0.042 * rank + jitter[0]) * stage.unit, (0.022 * rank * side + jitter[1]) * stage.unit],
                size: stage.unit * dice.between(0.014, 0.019),
                phase: dice.between(0.0, TAU),
            }
        });
        let birds = birds.collect();
        let start = [stage.width * dice.between(-0.3, 0.1), height];
        Self { birds, start, speed: speed * dice.between(0.03, 0.05) * stage.unit, paint }
    }
}

impl Element for Birds {
    fn pose<'a>(&'a self, stage: &Stage, moment: &Moment) -> Box<dyn Posed + 'a> {
        let lens = stage.lens(&moment.view, 0.15);
        let wings = self.birds.iter().flat_map(|bird| {
            let bob = (moment.time_s * 1.1 + bird.phase).sin() * stage.unit * 0.004;
            let x = lens.seen_x(self.start[0] + bird.offset[0] + self.speed * moment.time_s);
            let y = lens.seen_y(self.start[1] + bird.offset[1] + bob);
            let size = bird.size * lens.scale;
            let beat = (moment.time_s * 7.0 + bird.phase).sin();
            [-1.0, 1.0].into_iter().flat_map(move |side| wing([x, y], side * size, size, beat))
        });
        Box::new(Strokes { strokes: wings.collect(), paint: self.paint })
    }
}

/// One wing from the body outwards, arched, at a place of its beat (-1 to 1).
fn wing([x, y]: [f32; 2], aside: f32, size: f32, beat: f32) -> impl Iterator<Item = Stroke> {
    let elbow = [x + aside * 0.5, y - size * (0.45 + 0.35 * beat)];
    curve(
        [x, y],
        elbow,
        [x + aside, y - size * (0.15 + 0.45 * beat)],
        [(size * 0.13).max(0.7), (size * 0.03).max(0.35)],
    )
}
