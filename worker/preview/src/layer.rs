//! A paper layer of the scene: everything below an edge, in one colour that changes downwards.

use super::ink::{Ink, mix};
use super::outline::{Edge, Outline};
use super::relief::{Relief, ReliefPose};
use super::row::Row;
use super::sky::Lamp;
use super::skyline::{Windows, WindowsPose};
use super::stage::{Brush, Element, Lens, Moment, Posed, Stage};
use super::swell::Swell;

/// What gives a layer its edge.
#[derive(Debug, Clone)]
pub(crate) enum Shape {
    /// Cut once. Sways by so many pixels in the wind.
    Cut(Outline, f32),
    /// Waves, new in each moment.
    Swell(Swell),
}

/// How a layer's paper looks.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Look {
    /// The colour at the highest place of the edge.
    pub(crate) top: Ink,
    /// The colour `span` pixels below.
    pub(crate) bottom: Ink,
    pub(crate) span: f32,
    /// The colour of the light on the edge, and how strong it is.
    pub(crate) rim: (Ink, f32),
    /// How dark a shadow it throws on what lies behind, 0 to 1.
    pub(crate) shadow: f32,
}

/// A layer of the scene.
pub(crate) struct Layer {
    pub(crate) shape: Shape,
    /// How close it is: 0 at the horizon, 1 before the camera.
    pub(crate) near: f32,
    /// The resting height from which the edge's heights are counted.
    pub(crate) base: f32,
    pub(crate) look: Look,
    pub(crate) relief: Option<Relief>,
    pub(crate) windows: Option<Windows>,
    /// The sun or moon that glitters on the edge.
    pub(crate) spark: Option<Lamp>,
}

impl Layer {
    /// The same layer, swaying `sway` pixels in the wind.
    pub(crate) fn swaying(mut self, sway: f32) -> Self {
        if let Shape::Cut(_, own) = &mut self.shape {
            *own = sway;
        }
        self
    }
}

struct LayerPose<'a> {
    edge: Edge,
    soft: Vec<f32>,
    reach: f32,
    rim: f32,
    lens: Lens,
    top: f32,
    look: &'a Look,
    relief: Option<ReliefPose<'a>>,
    windows: Option<WindowsPose<'a>>,
    spark: Vec<f32>,
}

impl Element for Layer {
    fn pose<'a>(&'a self, stage: &Stage, moment: &Moment) -> Box<dyn Posed + 'a> {
        let lens = stage.lens(&moment.view, self.near);
        let width = stage.width as usize;
        let (edge, highest) = match &self.shape {
            Shape::Cut(outline, sway) => {
                let sway = sway * ((moment.time_s * 1.7).sin() + 0.5 * (moment.time_s * 2.9).sin());
                (outline.edge(&lens, self.base, width, sway), outline.highest())
            }
            Shape::Swell(swell) => (swell.edge(&lens, self.base, width, moment.time_s), swell.highest()),
        };
        let reach = stage.unit * 0.035 * lens.scale * (0.4 + self.near);
        Box::new(LayerPose {
            soft: edge.softened((reach * 0.3) as usize),
            reach,
            rim: (stage.unit * 0.0045 * lens.scale).max(0.8),
            top: self.base - highest,
            look: &self.look,
            relief: self.relief.as_ref().map(|relief| relief.pose(&lens, self.base, width)),
            windows: self.windows.as_ref().map(|windows| windows.pose(&lens, self.base, width)),
            spark: self.spark.map_or(Vec::new(), |lamp| glitter(&lamp, stage, moment, self.near)),
            edge,
            lens,
        })
    }
}

impl LayerPose<'_> {
    fn throw_shadow(&self, y: f32, row: &mut Row, brush: &mut Brush) {
        let aside = ((self.reach * 0.25) as usize).min(self.soft.len() - 1);
        let (shifted, edge) = (&self.soft[aside..], self.soft.last());
        brush.shade.clear();
        brush.shade.extend(shifted.iter().chain(edge.into_iter().cycle()).take(row.width()).map(|top| {
            let closeness = (1.0 - (top - y) / self.reach).clamp(0.0, 1.0);
            closeness * closeness * self.look.shadow
        }));
        row.blend(0, [0.0; 3], &brush.shade);
    }

    fn light_rim(&self, y: f32, row: &mut Row, brush: &mut Brush) {
        let (paint, strength) = self.look.rim;
        brush.shade.clear();
        let rows = self.edge.tops[1].iter().zip(&brush.cover);
        brush.shade.extend(rows.map(|(top, cover)| (1.0 - (y - top) / self.rim).clamp(0.0, 1.0) * strength * cover));
        for (shade, spark) in brush.shade.iter_mut().zip(&self.spark) {
            *shade = (*shade * spark).min(1.0);
        }
        row.blend(0, paint, &brush.shade);
    }
}

/// How much brighter the edge is at each column under the lamp, the broader the nearer.
fn glitter(lamp: &Lamp, stage: &Stage, moment: &Moment, near: f32) -> Vec<f32> {
    let centre = stage.lens(&moment.view, 0.02).seen_x(lamp.x);
    let wide = stage.unit * (0.05 + 0.16 * near);
    let strength = if lamp.visible { 2.4 * lamp.glow } else { 0.0 };
    let aside = |x: usize| (x as f32 + 0.5 - centre) / wide;
    (0..stage.width as usize).map(|x| 0.75 + strength / (1.0 + aside(x) * aside(x))).collect()
}

impl Posed for LayerPose<'_> {
    fn paint(&self, y: f32, row: &mut Row, brush: &mut Brush) {
        if y < self.edge.upper - self.reach - 1.0 {
            return;
        }
        if y < self.edge.lower + 1.0 && self.look.shadow > 0.0 {
            self.throw_shadow(y, row, brush);
        }
        if y < self.edge.upper - 1.0 {
            return;
        }
        let down = (self.lens.rest_y(y) - self.top) / self.look.span;
        let paint = mix(self.look.top, self.look.bottom, down.clamp(0.0, 1.0));
        if self.hides(y) {
            row.fill(paint);
            brush.cover.clear();
            brush.cover.resize(row.width(), 1.0);
        } else {
            self.edge.cover(y, &mut brush.cover);
            row.blend(0, paint, &brush.cover);
        }
        if let Some(relief) = &self.relief {
            relief.paint(y, row, brush);
        }
        if let Some(windows) = &self.windows {
            windows.paint(y, row, brush);
        }
        if y < self.edge.lower + self.rim && self.look.rim.1 > 0.0 {
            self.light_rim(y, row, brush);
        }
    }

    fn hides(&self, y: f32) -> bool {
        y > self.edge.lower + 1.0
    }
}
