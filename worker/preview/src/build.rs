//! Cutting a scene's layers: each gets its colours from the hour, the air and its distance.

use super::dice::Dice;
use super::fog::Fog;
use super::ink::{Ink, ink, lit, mix, times, tinted, turned};
use super::land::{dunes, peaks, ridge};
use super::layer::{Layer, Look, Shape};
use super::outline::Outline;
use super::relief::Relief;
use super::scene::Plan;
use super::skyline::{Windows, houses, skyline};
use super::stage::Element;
use super::swell::Swell;
use super::words::{Air, Hour, Place};

/// A scene's layers in the making.
pub(crate) struct Build<'a> {
    pub(crate) plan: &'a Plan,
    pub(crate) dice: Dice,
    pub(crate) elements: Vec<Box<dyn Element>>,
    hue: f32,
}

/// Where a layer stands and what it is painted with.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Cut {
    /// How it follows the camera: 0 at the horizon, 1 close by.
    pub(crate) near: f32,
    /// The resting row on which it stands.
    pub(crate) base: f32,
    /// How far away it looks: 0 close by, 1 at the horizon.
    pub(crate) far: f32,
    pub(crate) paint: Ink,
}

impl<'a> Build<'a> {
    pub(crate) fn new(plan: &'a Plan) -> Self {
        let mut dice = plan.dice.fork(9);
        let hue = dice.between(-0.2, 0.2);
        Self { plan, dice, elements: Vec::new(), hue }
    }

    /// The colour `code`, as this scene's chance, colour word and snow make it.
    pub(crate) fn paint(&self, code: u32) -> Ink {
        let own = turned(ink(code), self.hue);
        let own = self.plan.tint.map_or(own, |tint| tinted(own, tint, 0.45));
        if self.plan.has(Air::Snow) { mix(own, ink(0xec_f2_fa), 0.42) } else { own }
    }

    /// The resting row at a part of the way down from the horizon, for land that ends where water begins.
    pub(crate) fn foot(&self, share: f32) -> f32 {
        self.plan.down(if self.plan.wet() { 0.015 + 0.02 * share } else { share })
    }

    pub(crate) fn push(&mut self, layer: Layer) {
        self.elements.push(Box::new(layer));
    }

    /// A plain layer.
    pub(crate) fn cut(&mut self, outline: Outline, cut: Cut) {
        let layer = self.layer(outline, cut);
        self.push(layer);
    }

    pub(crate) fn layer(&self, outline: Outline, cut: Cut) -> Layer {
        self.shaped(Shape::Cut(outline, 0.0), cut)
    }

    /// A range of mountains.
    pub(crate) fn ridge(&mut self, cut: Cut, spacing: f32, height: f32, snowy: bool) {
        let stage = self.plan.stage;
        let peaks = peaks(&stage, spacing, height, 1.15, false, &mut self.dice);
        let seed = self.dice.roll();
        let rough = stage.unit * 0.030;
        let mut layer = self.layer(ridge(&stage, &peaks, rough, seed), cut);
        let white = self.plan.palette.seen(ink(0xff_ff_ff), cut.far * 0.62);
        let line = if self.plan.has(Air::Snow) { 0.35 } else { 0.60 };
        let snow = snowy.then_some((white, height * line, stage.unit * 0.045));
        layer.relief =
            Some(Relief { jag: stage.unit * 0.03, snow, ..self.relief(Relief::new(peaks, None, seed), cut) });
        self.push(layer);
    }

    /// Dunes.
    pub(crate) fn dunes(&mut self, cut: Cut, spacing: f32, height: f32) {
        let stage = self.plan.stage;
        let peaks = peaks(&stage, spacing, height, 3.4, true, &mut self.dice);
        let (outline, bend) = dunes(&stage, &peaks);
        let mut layer = self.layer(outline, cut);
        let faces = Relief::new(peaks, Some(bend), self.dice.roll());
        layer.relief = Some(self.relief(faces, cut));
        self.push(layer);
    }

    fn relief(&self, bare: Relief, cut: Cut) -> Relief {
        let shade = self.plan.palette.seen(mix(times(cut.paint, 0.55), ink(0x20_24_60), 0.18), cut.far * 0.95);
        Relief { dark: (shade, 0.78), from_right: self.plan.lamp.x > 0.0, ..bare }
    }

    /// A row of houses with windows `pitch` apart.
    pub(crate) fn houses(&mut self, cut: Cut, height: f32, width: f32, pitch: f32) {
        let stage = self.plan.stage;
        let row = houses(&stage, height, width, &mut self.dice);
        let mut layer = self.layer(skyline(&stage, &row), cut);
        let night = self.plan.palette.night;
        let (share, paints) = if night > 0.05 || self.plan.hour == Hour::Sunset {
            ((0.15 + 0.35 * night, 0.55 + 0.4 * night), [ink(0xff_d4_7a), ink(0xff_ea_b8)])
        } else {
            let glass = mix(self.plan.palette.seen(cut.paint, cut.far), self.plan.palette.sky[1], 0.55);
            ((0.5, 0.55), [glass, mix(glass, ink(0xff_ff_ff), 0.35)])
        };
        let paints = paints.map(|paint| mix(paint, self.plan.palette.haze, cut.far * 0.45));
        layer.windows = Some(Windows { houses: row, pitch, lit: share, paints, seed: self.dice.roll() });
        self.push(layer);
    }

    /// A row of waves: `t` is 0 far out and 1 close by.
    pub(crate) fn waves(&mut self, t: f32) {
        let unit = self.plan.stage.unit;
        let stormy = if self.plan.has(Air::Storm) || self.plan.has(Air::Wind) { 1.9 } else { 1.0 };
        let swell =
            Swell::new(unit * (0.014 + 0.036 * t) * stormy, unit * (0.13 + 0.42 * t), self.plan.speed, &mut self.dice);
        let palette = &self.plan.palette;
        let deep = lit(self.paint(if self.plan.at(Place::Beach) { 0x2a_a0_a8 } else { 0x1a_74_9c }), palette.light);
        let paint = mix(mix(deep, palette.sky[2], 0.42), mix(times(deep, 0.55), palette.sky[0], 0.45), t.sqrt());
        let cut = Cut { near: 0.30 + 0.65 * t, base: self.plan.down(0.34 + 0.58 * t), far: 0.0, paint };
        let mut layer = self.shaped(Shape::Swell(swell), cut);
        (layer.look.top, layer.look.bottom) = (paint, times(paint, 0.72));
        layer.look.rim = (mix(mix(paint, palette.sky[3], 0.6), palette.lamp, 0.4), 0.45);
        layer.spark = Some(self.plan.lamp);
        self.push(layer);
    }

    /// A bank of fog, in foggy air and over the land of early hours.
    pub(crate) fn mist(&mut self, share: f32, early: f32) {
        let plan = self.plan;
        let density = match (plan.has(Air::Fog), plan.hour) {
            (true, _) => 0.62,
            (false, Hour::Dawn | Hour::Morning) => 0.42 * early,
            (false, Hour::Dusk | Hour::Night) => 0.26 * early,
            (false, _) => 0.0,
        };
        if density > 0.02 && !plan.at(Place::Space) {
            let paint = mix(plan.palette.haze, ink(0xff_ff_ff), 0.10 * (1.0 - plan.palette.night));
            let fog = Fog::new(&plan.stage, plan.down(share), 0.1 + 0.5 * share, density, paint, &mut self.dice);
            self.elements.push(Box::new(fog));
        }
    }

    fn shaped(&self, shape: Shape, cut: Cut) -> Layer {
        let look = self.look(cut);
        Layer { shape, near: cut.near, base: cut.base, look, relief: None, windows: None, spark: None }
    }

    fn look(&self, cut: Cut) -> Look {
        let palette = &self.plan.palette;
        let top = palette.seen(cut.paint, cut.far);
        let bottom = if cut.far > 0.25 {
            palette.seen(cut.paint, (cut.far + 0.30).min(1.0))
        } else {
            times(top, 0.62 + cut.far)
        };
        let day = 1.0 - 0.6 * palette.night;
        let sunlit = (mix(top, palette.lamp, 0.65), 0.30 * day * (0.4 + palette.glow * 0.6) * (1.0 - 0.5 * cut.far));
        let snowed = (palette.seen(ink(0xff_ff_ff), cut.far), 0.85);
        Look {
            top,
            bottom,
            span: self.plan.stage.unit * 0.28,
            rim: if self.plan.has(Air::Snow) { snowed } else { sunlit },
            shadow: 0.34 * (1.0 - 0.85 * cut.far) * (0.5 + 0.5 * day),
        }
    }
}
