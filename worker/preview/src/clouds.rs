//! Clouds: heaps with a flat base that thin out downwards and drift.

use super::dice::Dice;
use super::ink::{Ink, mix};
use super::row::Row;
use super::stage::{Brush, Element, Moment, Posed, Stage};

/// The clouds of a scene.
pub(crate) struct Clouds {
    clouds: Vec<Cloud>,
    paints: [Ink; 2],
    span: f32,
}

/// What the clouds of a scene are like.
#[derive(Debug, Clone, Copy)]
pub(crate) struct CloudCover {
    /// How many there are.
    pub(crate) count: usize,
    /// The resting rows between which their bases lie.
    pub(crate) rows: [f32; 2],
    /// Their width in pixels.
    pub(crate) width: f32,
    /// How high they are by their width.
    pub(crate) rise: f32,
    /// How opaque they are at the top, 0 to 1.
    pub(crate) density: f32,
    /// Frame widths per second.
    pub(crate) speed: f32,
    /// The colours of their tops and their bases.
    pub(crate) paints: [Ink; 2],
}

struct Cloud {
    x: f32,
    base: f32,
    speed: f32,
    near: f32,
    density: f32,
    bumps: Vec<Bump>,
}

#[derive(Clone, Copy)]
struct Bump {
    x: f32,
    radius: f32,
    squash: f32,
}

struct CloudsPose<'a> {
    clouds: &'a Clouds,
    spans: Vec<Span>,
}

struct Span {
    left: usize,
    tops: Vec<f32>,
    upper: f32,
    base: f32,
    density: f32,
}

impl Clouds {
    /// Clouds as `cover` describes them.
    pub(crate) fn new(stage: &Stage, cover: &CloudCover, dice: &mut Dice) -> Self {
        let span = stage.width * 1.5 + cover.width * 2.0;
        let clouds =
            (0..cover.count).map(|number| cloud(cover, span, number as f32 / cover.count as f32, dice)).collect();
        Self { clouds, paints: cover.paints, span }
    }
}

fn cloud(cover: &CloudCover, span: f32, turn: f32, dice: &mut Dice) -> Cloud {
    let far = 1.0 - turn;
    let width = cover.width * dice.between(0.5, 1.0) * (0.45 + 0.55 * turn);
    let bumps = (0..dice.pick(&[4, 5, 6, 7, 8])).map(|_| {
        let x = dice.between(-0.5, 0.5);
        let radius = width * dice.between(0.13, 0.27) * (1.15 - 1.3 * x.abs());
        Bump { x: x * width, radius, squash: cover.rise * dice.between(0.8, 1.2) }
    });
    let bumps = bumps.collect();
    Cloud {
        x: dice.between(-0.5, 0.5) * span,
        base: cover.rows[1] + (cover.rows[0] - cover.rows[1]) * (turn + dice.between(-0.12, 0.12)).clamp(0.0, 1.0),
        speed: cover.speed * (0.4 + 0.6 * turn),
        near: 0.02 + 0.06 * turn,
        density: cover.density * (1.0 - 0.45 * far),
        bumps,
    }
}

impl Cloud {
    fn top(&self, x: f32) -> f32 {
        let height = |bump: &Bump| {
            let aside = x - bump.x;
            (bump.radius * bump.radius - aside * aside).max(0.0).sqrt() * bump.squash
        };
        self.bumps.iter().map(height).fold(0.0, f32::max)
    }

    fn span(&self, stage: &Stage, moment: &Moment, wrap: f32) -> Option<Span> {
        let lens = stage.lens(&moment.view, self.near);
        let drifted = self.x + self.speed * moment.time_s * stage.width;
        let x = (drifted + wrap * 0.5).rem_euclid(wrap) - wrap * 0.5;
        let half = self.bumps.iter().map(|bump| bump.x.abs() + bump.radius).fold(0.0, f32::max);
        let left = lens.seen_x(x - half).clamp(0.0, stage.width) as usize;
        let right = lens.seen_x(x + half).clamp(0.0, stage.width) as usize;
        if left >= right {
            return None;
        }
        let base = lens.seen_y(self.base);
        let tops: Vec<f32> =
            (left..right).map(|column| base - self.top(lens.rest_x(column as f32 + 0.5) - x) * lens.scale).collect();
        let upper = tops.iter().copied().fold(f32::MAX, f32::min);
        Some(Span { left, tops, upper, base, density: self.density })
    }
}

impl Element for Clouds {
    fn pose<'a>(&'a self, stage: &Stage, moment: &Moment) -> Box<dyn Posed + 'a> {
        let spans = self.clouds.iter().filter_map(|cloud| cloud.span(stage, moment, self.span)).collect();
        Box::new(CloudsPose { clouds: self, spans })
    }
}

impl Posed for CloudsPose<'_> {
    fn paint(&self, y: f32, row: &mut Row, brush: &mut Brush) {
        for span in self.spans.iter().filter(|span| y > span.upper - 1.0 && y < span.base) {
            let down = ((y - span.upper) / (span.base - span.upper).max(1.0)).clamp(0.0, 1.0);
            let fading = span.density * (1.0 - down * down);
            brush.shade.clear();
            brush.shade.extend(span.tops.iter().map(|top| (y + 0.5 - top).clamp(0.0, 1.0) * fading));
            row.blend(span.left, mix(self.clouds.paints[0], self.clouds.paints[1], down), &brush.shade);
        }
    }
}
