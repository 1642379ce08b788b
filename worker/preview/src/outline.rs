//! The upper edge of a paper layer: how high it is at every place.

use super::stage::Lens;

/// How many samples are taken across one pixel of the frame, for smooth edges.
pub(crate) const SAMPLES: usize = 4;

/// An edge, sampled once over more than the frame's width. Past its ends it goes on mirrored.
#[derive(Debug, Clone)]
pub(crate) struct Outline {
    heights: Vec<f32>,
    start: f32,
    step: f32,
    highest: f32,
}

/// The edge as the camera sees it: rows of the frame, per pixel column.
#[derive(Debug, Clone)]
pub(crate) struct Edge {
    /// The row where the layer begins, at four places across each column.
    pub(crate) tops: [Vec<f32>; SAMPLES],
    /// No column begins above this row.
    pub(crate) upper: f32,
    /// Every column has begun by this row.
    pub(crate) lower: f32,
}

impl Outline {
    /// Samples `height` (pixels of the resting picture, at places across from its middle).
    pub(crate) fn new(frame_width: f32, height: impl Fn(f32) -> f32) -> Self {
        let (start, step) = (-2.0 * frame_width, 0.5);
        let heights: Vec<f32> =
            (0..(8.0 * frame_width) as usize + 2).map(|i| height(start + i as f32 * step)).collect();
        let highest = heights.iter().copied().fold(f32::MIN, f32::max);
        Self { heights, start, step, highest }
    }

    /// The same edge, `depth` pixels lower.
    pub(crate) fn lowered(mut self, depth: f32) -> Self {
        self.heights.iter_mut().for_each(|height| *height -= depth);
        self.highest -= depth;
        self
    }

    /// The greatest height.
    pub(crate) fn highest(&self) -> f32 {
        self.highest
    }

    /// The height at a resting place.
    pub(crate) fn at(&self, x: f32) -> f32 {
        let last = (self.heights.len() - 2) as f32;
        let place = (x - self.start) / self.step;
        let inside = if (0.0..=last).contains(&place) { place } else { reflect(place, last) };
        let index = inside as usize;
        let (a, b) = (self.heights[index], self.heights[index + 1]);
        a + (b - a) * (inside - index as f32)
    }

    /// The edge of a layer that stands on `base` (a resting height), pushed aside by `sway` pixels.
    pub(crate) fn edge(&self, lens: &Lens, base: f32, width: usize, sway: f32) -> Edge {
        Edge::new(width, |x| lens.seen_y(base - self.at(lens.rest_x(x) + sway)))
    }
}

impl Edge {
    /// Samples `top`, the row where the layer begins at a place across the frame.
    pub(crate) fn new(width: usize, top: impl Fn(f32) -> f32) -> Self {
        let place = |x: usize, sample: usize| x as f32 + (sample as f32 + 0.5) / SAMPLES as f32;
        let tops: [Vec<f32>; SAMPLES] =
            std::array::from_fn(|sample| (0..width).map(|x| top(place(x, sample))).collect());
        Self::of(tops)
    }

    /// Takes one sample per column, for edges without steep places.
    pub(crate) fn gentle(width: usize, top: impl Fn(f32) -> f32) -> Self {
        let once: Vec<f32> = (0..width).map(|x| top(x as f32 + 0.5)).collect();
        Self::of(std::array::from_fn(|_| once.clone()))
    }

    fn of(tops: [Vec<f32>; SAMPLES]) -> Self {
        let all = || tops.iter().flatten().copied();
        let (upper, lower) = (all().fold(f32::MAX, f32::min), all().fold(f32::MIN, f32::max));
        Self { tops, upper, lower }
    }

    /// How much of each pixel of row `y` lies below the edge, 0 to 1.
    pub(crate) fn cover(&self, y: f32, cover: &mut Vec<f32>) {
        let [a, b, c, d] = &self.tops;
        let below = |top: &f32| (y + 0.5 - top).clamp(0.0, 1.0);
        cover.clear();
        cover.extend(
            a.iter()
                .zip(b)
                .zip(c.iter().zip(d))
                .map(|((a, b), (c, d))| (below(a) + below(b) + below(c) + below(d)) * 0.25),
        );
    }

    /// A blurred copy: the mean row of each column and its neighbours up to `reach` columns away.
    pub(crate) fn softened(&self, reach: usize) -> Vec<f32> {
        let tops = &self.tops[1];
        let at = |x: isize| tops[x.clamp(0, tops.len() as isize - 1) as usize];
        let reach = reach as isize;
        let mut sum: f32 = (-reach..=reach).map(at).sum();
        let mut soft = Vec::with_capacity(tops.len());
        for x in 0..tops.len() as isize {
            soft.push(sum / (2 * reach + 1) as f32);
            sum += at(x + reach + 1) - at(x - reach);
        }
        soft
    }
}

fn reflect(place: f32, last: f32) -> f32 {
    let turn = place.rem_euclid(2.0 * last);
    turn.min(2.0 * last - turn).clamp(0.0, last)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_outline_gives_back_what_it_was_made_of_and_never_ends() {
        let outline = Outline::new(100.0, |x| x * 0.5);
        assert!((outline.at(12.25) - 6.125).abs() < 1e-3);
        assert!((outline.at(-150.0) + 75.0).abs() < 1e-3);
        assert!(outline.at(1e7).abs() <= 101.0);
    }

    #[test]
    fn cover_counts_the_part_of_a_pixel_below_the_edge() {
        let edge = Edge::new(2, |x| if x < 1.5 { 10.0 } else { 20.0 });
        let mut cover = Vec::new();
        edge.cover(15.0, &mut cover);
        assert_eq!(cover, [1.0, 0.5]);
        edge.cover(9.75, &mut cover);
        assert_eq!(cover, [0.25, 0.125]);
    }
}
