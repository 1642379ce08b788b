//! A sailing boat and a hot-air balloon.

use super::ink::{Ink, ink, lit, mix};
use super::row::Row;
use super::stage::{Brush, Element, Moment, Posed, Stage};

/// What kind of craft it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Boat,
    Balloon,
}

/// One craft.
pub(crate) struct Craft {
    pub(crate) kind: Kind,
    /// Its resting place: the boat's waterline, the balloon's middle.
    pub(crate) place: [f32; 2],
    pub(crate) size: f32,
    pub(crate) near: f32,
    /// Pixels per second to the right.
    pub(crate) speed: f32,
    pub(crate) paint: Ink,
    pub(crate) light: Ink,
}

struct CraftPose<'a> {
    craft: &'a Craft,
    x: f32,
    y: f32,
    size: f32,
    lean: f32,
}

impl Element for Craft {
    fn pose<'a>(&'a self, stage: &Stage, moment: &Moment) -> Box<dyn Posed + 'a> {
        let lens = stage.lens(&moment.view, self.near);
        let bob = self.size * 0.03 * (moment.time_s * 1.3 + self.place[0]).sin();
        let x = lens.seen_x(self.place[0] + self.speed * moment.time_s);
        let lean = 0.05 * (moment.time_s * 1.1).sin();
        Box::new(CraftPose { craft: self, x, y: lens.seen_y(self.place[1] + bob), size: self.size * lens.scale, lean })
    }
}

impl CraftPose<'_> {
    /// Colour and cover at a place, counted in sizes from the craft's own; `fine` is one pixel.
    fn look(&self, x: f32, y: f32, fine: f32) -> (Ink, f32) {
        let (paint, cover) = match self.craft.kind {
            Kind::Boat => boat(x + self.lean * y, y, fine, self.craft.paint),
            Kind::Balloon => balloon(x, y, fine, self.craft.paint),
        };
        (lit(paint, self.craft.light), cover)
    }
}

impl Posed for CraftPose<'_> {
    fn paint(&self, y: f32, row: &mut Row, _brush: &mut Brush) {
        let down = (y + 0.5 - self.y) / self.size;
        if !(-1.2..1.2).contains(&down) {
            return;
        }
        let from = (self.x - self.size).max(0.0) as usize;
        let to = ((self.x + self.size).max(0.0) as usize).min(row.width());
        for x in from..to {
            let aside = (x as f32 + 0.5 - self.x) / self.size;
            let (paint, cover) = self.look(aside, down, 1.0 / self.size);
            if cover > 0.0 {
                row.touch(x, paint, cover);
            }
        }
    }
}

fn boat(x: f32, y: f32, fine: f32, paint: Ink) -> (Ink, f32) {
    let edge = |inside: f32| (inside / fine + 0.5).clamp(0.0, 1.0);
    let main = edge((0.02 - x).min((y + 0.98).min(-0.16 - y)).min(x + 0.42 * (y + 0.98)));
    let jib = edge((x - 0.05).min(-0.16 - y).min(0.45 * (y + 0.86) - x));
    let mast = edge((0.015 - (x - 0.035).abs()).min(y + 1.02).min(-y));
    let hull = edge((y + 0.12).min(0.02 - y).min(0.44 - x.abs() * (1.0 + 1.2 * (y + 0.12).max(0.0))));
    let reflected = edge((y - 0.02).min(0.62 - y).min(0.30 - x.abs() * (1.0 + y))) * 0.16;
    let layers =
        [(main, paint), (jib, mix(paint, ink(0xff_ff_ff), 0.5)), (mast, ink(0x4a_34_28)), (hull, ink(0x5a_34_28))];
    let (front, over) = layers.into_iter().rev().max_by(|a, b| a.0.total_cmp(&b.0)).map_or((0.0, paint), |best| best);
    if front > 0.0 { (over, front) } else { (paint, reflected) }
}

fn balloon(x: f32, y: f32, fine: f32, paint: Ink) -> (Ink, f32) {
    let edge = |inside: f32| (inside / fine + 0.5).clamp(0.0, 1.0);
    let round = (x * x + (y + 0.25) * (y + 0.25)).sqrt();
    let taper = if y > -0.25 { 0.62 - 0.62 * ((y + 0.25) / 0.85).powi(2) - x.abs() } else { 0.62 - round };
    let envelope = edge(taper.min(0.48 - y));
    let basket = edge((0.10 - x.abs()).min(y - 0.68).min(0.84 - y));
    let ropes = edge((0.012 - (x.abs() - 0.09 - (0.68 - y) * 0.12).abs()).min(y - 0.44).min(0.70 - y)) * 0.8;
    if basket > 0.0 {
        return (ink(0x6a_44_2a), basket);
    }
    if envelope <= 0.0 {
        return (ink(0x4a_34_28), ropes);
    }
    let width = (0.62 * 0.62 - (y + 0.25).powi(2)).max(0.03).sqrt();
    let turn = (x / width).clamp(-1.0, 1.0).asin();
    let stripe = ((turn * 5.0).sin() * 6.0).clamp(-0.5, 0.5) + 0.5;
    let colour = mix(paint, ink(0xff_f0_d8), stripe);
    (mix(colour, ink(0x30_10_30), 0.30 * (0.5 - x / width * 0.5).clamp(0.0, 1.0)), envelope)
}
