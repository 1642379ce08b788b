//! Tapering strokes of a pen: the wings of birds, the fronds of palms.

use super::ink::Ink;
use super::row::Row;
use super::stage::{Brush, Posed};

/// A straight stroke between two places of the frame, with its half widths there, in pixels.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Stroke {
    pub(crate) from: [f32; 2],
    pub(crate) to: [f32; 2],
    pub(crate) thick: [f32; 2],
}

/// Strokes of one colour at one moment.
pub(crate) struct Strokes {
    pub(crate) strokes: Vec<Stroke>,
    pub(crate) paint: Ink,
}

/// A stroke along the curve that starts at `from`, heads for `over` and ends at `to` (a quadratic Bézier curve).
pub(crate) fn curve(from: [f32; 2], over: [f32; 2], to: [f32; 2], thick: [f32; 2]) -> impl Iterator<Item = Stroke> {
    const PIECES: usize = 6;
    let at = move |share: f32| {
        let [a, b, c] = [(1.0 - share) * (1.0 - share), 2.0 * share * (1.0 - share), share * share];
        [0, 1].map(|i| a * from[i] + b * over[i] + c * to[i])
    };
    let width = move |share: f32| thick[0] + (thick[1] - thick[0]) * share;
    (0..PIECES).map(move |piece| {
        let [start, end] = [piece, piece + 1].map(|edge| edge as f32 / PIECES as f32);
        Stroke { from: at(start), to: at(end), thick: [width(start), width(end)] }
    })
}

impl Stroke {
    fn cover(&self, x: f32, y: f32) -> f32 {
        let [dx, dy] = [self.to[0] - self.from[0], self.to[1] - self.from[1]];
        let along = ((x - self.from[0]) * dx + (y - self.from[1]) * dy) / (dx * dx + dy * dy).max(1e-6);
        let along = along.clamp(0.0, 1.0);
        let [px, py] = [x - self.from[0] - dx * along, y - self.from[1] - dy * along];
        let thick = self.thick[0] + (self.thick[1] - self.thick[0]) * along;
        (thick - (px * px + py * py).sqrt() + 0.5).clamp(0.0, 1.0)
    }

    fn paint(&self, y: f32, paint: Ink, row: &mut Row) {
        let margin = self.thick[0].max(self.thick[1]) + 1.0;
        if y < self.from[1].min(self.to[1]) - margin || y > self.from[1].max(self.to[1]) + margin {
            return;
        }
        let first = (self.from[0].min(self.to[0]) - margin).max(0.0) as usize;
        let last = ((self.from[0].max(self.to[0]) + margin).max(0.0) as usize).min(row.width());
        for x in first..last {
            let cover = self.cover(x as f32 + 0.5, y);
            if cover > 0.0 {
                row.touch(x, paint, cover);
            }
        }
    }
}

impl Posed for Strokes {
    fn paint(&self, y: f32, row: &mut Row, _brush: &mut Brush) {
        self.strokes.iter().for_each(|stroke| stroke.paint(y + 0.5, self.paint, row));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_curve_is_one_line_from_end_to_end() {
        let pieces: Vec<Stroke> = curve([0.0, 0.0], [5.0, 9.0], [10.0, 0.0], [2.0, 0.5]).collect();
        assert_eq!((pieces[0].from, pieces[pieces.len() - 1].to), ([0.0, 0.0], [10.0, 0.0]));
        assert!(pieces.windows(2).all(|pair| pair[0].to == pair[1].from && pair[0].thick[1] == pair[1].thick[0]));
    }

    #[test]
    fn a_stroke_covers_its_middle_and_nothing_far_away() {
        let stroke = Stroke { from: [2.0, 2.0], to: [12.0, 2.0], thick: [1.5, 1.5] };
        assert_eq!((stroke.cover(7.0, 2.0), stroke.cover(7.0, 9.0)), (1.0, 0.0));
    }
}
