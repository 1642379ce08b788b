//! Single plants close by: palms on a beach, flowers in a meadow.

use std::f32::consts::TAU;

use super::dice::Dice;
use super::dots::{Dot, Dots};
use super::ink::{Ink, mix};
use super::stage::{Element, Moment, Posed, Stage};
use super::strokes::{Stroke, Strokes, curve};

/// A palm.
pub(crate) struct Palm {
    /// The resting place of its foot.
    pub(crate) foot: [f32; 2],
    /// Its height, and how far its head leans to the right, in pixels.
    pub(crate) height: f32,
    pub(crate) lean: f32,
    pub(crate) near: f32,
    pub(crate) paint: Ink,
    /// How strong the wind is; 1 is a breeze.
    pub(crate) wind: f32,
}

impl Element for Palm {
    fn pose<'a>(&'a self, stage: &Stage, moment: &Moment) -> Box<dyn Posed + 'a> {
        let lens = stage.lens(&moment.view, self.near);
        let size = self.height * lens.scale;
        let foot = self.foot;
        let gust = self.wind * 0.02 * ((moment.time_s * 1.4 + foot[0]).sin() + 0.4 * (moment.time_s * 3.1).sin());
        let foot = [lens.seen_x(foot[0]), lens.seen_y(foot[1])];
        let head = [foot[0] + self.lean * lens.scale + gust * size, foot[1] - size];
        let bend = [foot[0] + self.lean * lens.scale * 0.15, foot[1] - size * 0.6];
        let mut strokes: Vec<Stroke> = curve(foot, bend, head, [size * 0.030, size * 0.016]).collect();
        for frond in 0..9 {
            let angle = TAU * (0.5 + (frond as f32 + 0.5) / 18.0) + gust * (2.0 + frond as f32 * 0.3);
            let long = size * (0.40 + 0.06 * (frond as f32 * 2.3).sin());
            let over = [head[0] + angle.cos() * long * 0.62, head[1] + angle.sin() * long * 0.62 - size * 0.03];
            let droop = size * (0.13 + 0.12 * angle.cos().abs());
            let tip = [head[0] + angle.cos() * long, head[1] + angle.sin() * long * 0.7 + droop];
            strokes.extend(curve(head, over, tip, [size * 0.008, size * 0.004]));
            strokes.extend(leaflets(head, over, tip, size));
        }
        Box::new(Strokes { strokes, paint: self.paint })
    }
}

/// The leaflets that hang from one frond.
fn leaflets(head: [f32; 2], over: [f32; 2], tip: [f32; 2], size: f32) -> impl Iterator<Item = Stroke> {
    curve(head, over, tip, [1.0, 0.0]).skip(1).flat_map(move |piece| {
        let long = size * (0.05 + 0.05 * piece.thick[0]);
        let aside = if tip[0] > head[0] { 0.35 } else { -0.35 };
        let hang = move |share: f32| {
            let from = [0, 1].map(|i| piece.from[i] + (piece.to[i] - piece.from[i]) * share);
            Stroke { from, to: [from[0] + aside * long, from[1] + long], thick: [size * 0.009, size * 0.002] }
        };
        [0.0, 0.25, 0.5, 0.75].map(hang)
    })
}

/// Flowers that nod in the wind.
pub(crate) struct Flowers {
    flowers: Vec<Flower>,
}

struct Flower {
    place: [f32; 2],
    radius: f32,
    near: f32,
    paint: Ink,
}

impl Flowers {
    /// Flowers between two resting rows, of `paints` under the scene's light.
    pub(crate) fn new(stage: &Stage, rows: [f32; 2], paints: [Ink; 3], dice: &mut Dice) -> Self {
        let clumps: Vec<f32> = (0..9).map(|_| dice.between(-1.0, 1.0) * stage.width).collect();
        let flower = |_| {
            let depth = dice.unit();
            let spread = if dice.chance(0.6) { 0.2 } else { 0.9 };
            let clump = dice.pick(&clumps) + dice.between(-spread, spread) * stage.unit;
            Flower {
                place: [clump, rows[0] + (rows[1] - rows[0]) * depth],
                radius: (stage.unit * (0.0028 + 0.0060 * depth)).max(0.9),
                near: 0.75 + 0.25 * depth,
                paint: dice.pick(&paints),
            }
        };
        Self { flowers: (0..260).map(flower).collect() }
    }
}

impl Element for Flowers {
    fn pose<'a>(&'a self, stage: &Stage, moment: &Moment) -> Box<dyn Posed + 'a> {
        let dots = self.flowers.iter().flat_map(|flower| {
            let lens = stage.lens(&moment.view, flower.near);
            let nod = (moment.time_s * 1.7 + flower.place[0] * 0.05).sin() * flower.radius * 0.6;
            let radius = flower.radius * lens.scale;
            let (x, y) = (lens.seen_x(flower.place[0] + nod), lens.seen_y(flower.place[1]));
            let petals = Dot { x, y, radius, paint: flower.paint, strength: 0.95 };
            let heart = Dot { radius: radius * 0.4, paint: mix(flower.paint, [255.0, 220.0, 110.0], 0.8), ..petals };
            [petals, heart]
        });
        Box::new(Dots::new(dots.collect()))
    }
}
