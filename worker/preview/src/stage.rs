//! The stage: the frame's geometry, the moment that is drawn, and what everything on it has in common.

use super::camera::View;
use super::row::Row;

/// The frame's measures in pixels.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Stage {
    pub(crate) width: f32,
    pub(crate) height: f32,
    /// The length that sizes are given in, so that a landscape and a portrait frame show things alike:
    /// the height of a 16:9 frame of the same area.
    pub(crate) unit: f32,
}

impl Stage {
    /// The stage of a frame of `width` x `height` pixels.
    pub(crate) fn new(width: u32, height: u32) -> Self {
        let (width, height) = (width as f32, height as f32);
        let unit = (width * height * 9.0 / 16.0).sqrt().clamp(height * 0.5, height * 2.0);
        Self { width, height, unit }
    }

    /// How things of nearness `near` appear through the camera.
    pub(crate) fn lens(&self, view: &View, near: f32) -> Lens {
        let [across, down] = view.shift(near);
        let centre = [self.width * 0.5, self.height * 0.5];
        Lens { centre, shift: [across * self.width, down * self.height], scale: view.scale(near) }
    }
}

/// The map from the resting picture to the frame, for one nearness. Resting places are in pixels, across from the
/// middle of the frame and down from its top.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Lens {
    centre: [f32; 2],
    shift: [f32; 2],
    pub(crate) scale: f32,
}

impl Lens {
    /// Where in the frame the resting place `x` is seen.
    pub(crate) fn seen_x(&self, x: f32) -> f32 {
        self.centre[0] + (x - self.shift[0]) * self.scale
    }

    /// Where in the frame the resting height `y` is seen.
    pub(crate) fn seen_y(&self, y: f32) -> f32 {
        self.centre[1] + (y - self.centre[1] + self.shift[1]) * self.scale
    }

    /// What resting place is seen at `x` of the frame.
    pub(crate) fn rest_x(&self, x: f32) -> f32 {
        (x - self.centre[0]) / self.scale + self.shift[0]
    }

    /// What resting height is seen at `y` of the frame.
    pub(crate) fn rest_y(&self, y: f32) -> f32 {
        (y - self.centre[1]) / self.scale + self.centre[1] - self.shift[1]
    }
}

/// What a frame is drawn for.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Moment {
    /// Seconds since the clip's beginning.
    pub(crate) time_s: f32,
    /// How much of the clip lies behind: 0 at the first frame, 1 at the last.
    pub(crate) progress: f32,
    /// Where the camera is.
    pub(crate) view: View,
}

/// Something on the stage. It is posed once per frame and then painted row by row, from many threads.
pub(crate) trait Element: Send + Sync {
    /// Works out everything that all rows of a frame share.
    fn pose<'a>(&'a self, stage: &Stage, moment: &Moment) -> Box<dyn Posed + 'a>;
}

/// An element at one moment.
pub(crate) trait Posed: Send + Sync {
    /// Paints over `row`, which is the frame's row `y`. A mirror asks for rows between and outside of the frame's.
    fn paint(&self, y: f32, row: &mut Row, brush: &mut Brush);

    /// Whether nothing that was painted before can still be seen in row `y`.
    fn hides(&self, _y: f32) -> bool {
        false
    }

    /// For a mirror, the row of everything behind it that is seen in row `y`.
    fn mirrored(&self, _y: f32) -> Option<f32> {
        None
    }
}

/// Paper to reckon on while painting a row.
#[derive(Debug, Default)]
pub(crate) struct Brush {
    pub(crate) cover: Vec<f32>,
    pub(crate) shade: Vec<f32>,
    pub(crate) spare: Option<Row>,
}

/// Paints the frame's row `y`: back to front, leaving out what is hidden.
pub(crate) fn paint_row(posed: &[Box<dyn Posed + '_>], y: f32, row: &mut Row, brush: &mut Brush) {
    let first = posed.iter().rposition(|one| one.hides(y) || one.mirrored(y).is_some()).unwrap_or(0);
    if let Some(reflected) = posed[first].mirrored(y) {
        paint_row(&posed[..first], reflected, row, brush);
    }
    posed[first..].iter().for_each(|one| one.paint(y, row, brush));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lens_and_its_inverse_agree() {
        let stage = Stage::new(640, 360);
        let lens = stage.lens(&View::REST, 0.5);
        assert_eq!((lens.seen_x(0.0), lens.seen_y(180.0)), (320.0, 180.0));
        assert!((lens.rest_x(lens.seen_x(33.0)) - 33.0).abs() < 1e-3);
        assert!((lens.rest_y(lens.seen_y(12.0)) - 12.0).abs() < 1e-3);
    }
}
