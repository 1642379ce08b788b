//! Soft discs: stars, snowflakes, fireflies, lamps.

use super::ink::Ink;
use super::row::Row;
use super::stage::{Brush, Posed};

/// One soft disc in the frame, in pixels.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Dot {
    pub(crate) x: f32,
    pub(crate) y: f32,
    pub(crate) radius: f32,
    pub(crate) paint: Ink,
    /// How opaque its middle is, 0 to 1.
    pub(crate) strength: f32,
}

/// Many discs at one moment, sorted by their upper end.
pub(crate) struct Dots {
    dots: Vec<Dot>,
    largest: f32,
}

impl Dots {
    /// Gets discs ready to be painted.
    pub(crate) fn new(mut dots: Vec<Dot>) -> Self {
        dots.sort_by(|a, b| (a.y - a.radius).total_cmp(&(b.y - b.radius)));
        let largest = dots.iter().map(|dot| dot.radius).fold(0.0, f32::max);
        Self { dots, largest }
    }
}

impl Posed for Dots {
    fn paint(&self, y: f32, row: &mut Row, _brush: &mut Brush) {
        let y = y + 0.5;
        let from = self.dots.partition_point(|dot| dot.y - dot.radius < y - 2.0 * self.largest);
        for dot in self.dots[from..].iter().take_while(|dot| dot.y - dot.radius < y) {
            dot.paint(y, row);
        }
    }
}

impl Dot {
    fn paint(&self, y: f32, row: &mut Row) {
        let down = y - self.y;
        let first = (self.x - self.radius).max(0.0) as usize;
        let last = ((self.x + self.radius + 1.0).max(0.0) as usize).min(row.width());
        let scale = 1.0 / (self.radius * self.radius);
        for x in first..last {
            let aside = x as f32 + 0.5 - self.x;
            let inside = 1.0 - (aside * aside + down * down) * scale;
            if inside > 0.0 {
                row.touch(x, self.paint, inside * (2.0 - inside) * self.strength);
            }
        }
    }
}
