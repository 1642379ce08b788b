//! A given picture before the camera.

use std::f32::consts::PI;

use image::RgbImage;

use super::camera::{View, ease};
use super::resample::{Span, resample};
use super::row::Row;
use super::stage::{Brush, Element, Moment, Posed, Stage};

/// How near the picture's plane is to a camera that moves aside, and to one that moves forward.
const NEAR: [f32; 2] = [0.6, 0.8];

/// How much of a move aside is done: a picture has little to show beyond the frame, so the camera has to close in.
const ASIDE: f32 = 0.75;

/// The longest side of a frame up to which the picture is kept finer than the frame, for closer looks.
const FINE_UP_TO: f32 = 2000.0;

/// A picture that fills the frame, and a part of what lies around.
pub(crate) struct Still {
    canvas: RgbImage,
    /// Where the canvas begins, in pixels of the resting frame.
    origin: [f32; 2],
    /// Pixels of the canvas per pixel of the resting frame.
    density: f32,
    /// The picture's own edges, in pixels of the resting frame.
    bounds: Bounds,
    /// The view at which the picture fills the frame exactly.
    rest: View,
    /// The part of the clip in which the picture appears; none if it is there from the beginning.
    appears: Option<[f32; 2]>,
}

/// Left and upper edge, right and lower edge.
type Bounds = [[f32; 2]; 2];

/// What the camera sees of a picture: from where on, and how much of it makes one pixel of the frame, both in pixels of
/// the resting frame.
#[derive(Debug, Clone, Copy)]
struct Window {
    from: [f32; 2],
    step: f32,
}

struct StillPose<'a> {
    canvas: &'a RgbImage,
    columns: Vec<(usize, f32)>,
    first_row: f32,
    row_step: f32,
    weight: f32,
    sheen: Sheen,
}

/// A broad band of light that crosses the picture, so that even a static shot lives.
struct Sheen {
    middle: f32,
    slant: f32,
    wide: f32,
    strength: f32,
}

impl Still {
    /// A picture that the clip starts from; `views` are those from which it will be seen.
    pub(crate) fn opening(picture: &RgbImage, stage: &Stage, views: &[View]) -> Self {
        Self::new(picture, stage, views, View::REST, None)
    }

    /// A picture that the clip ends on, with the camera at `end`; `views` are relative to that.
    pub(crate) fn closing(picture: &RgbImage, stage: &Stage, views: &[View], end: View) -> Self {
        Self::new(picture, stage, views, end, Some([0.22, 0.88]))
    }

    fn new(picture: &RgbImage, stage: &Stage, views: &[View], rest: View, appears: Option<[f32; 2]>) -> Self {
        let frame = [stage.width, stage.height];
        let size = [picture.width() as f32, picture.height() as f32];
        let scale = (frame[0] / size[0]).max(frame[1] / size[1]);
        let bounds =
            [[0, 1].map(|i| (frame[i] - size[i] * scale) * 0.5), [0, 1].map(|i| (frame[i] + size[i] * scale) * 0.5)];
        let finest = if frame[0].max(frame[1]) > FINE_UP_TO { 1.0 } else { 1.25 };
        let density = (1.0 / scale).clamp(1.0, finest);
        let [from, to] = reach(stage, &bounds, views);
        let span = |i: usize| Span {
            start: f64::from((from[i] - bounds[0][i]) / scale),
            step: 1.0 / f64::from(scale * density),
            count: ((to[i] - from[i]) * density).ceil() as usize + 1,
        };
        Self { canvas: resample(picture, span(0), span(1)), origin: from, density, bounds, rest, appears }
    }

    fn weight(&self, progress: f32) -> f32 {
        self.appears.map_or(1.0, |[from, to]| ease(((progress - from) / (to - from)).clamp(0.0, 1.0)))
    }
}

/// Everything that is seen from any of `views`, with a pixel to spare.
fn reach(stage: &Stage, bounds: &Bounds, views: &[View]) -> Bounds {
    let frame = [stage.width, stage.height];
    let mut reach = [[0.0; 2], frame];
    for window in views.iter().map(|view| Window::new(stage, bounds, view)) {
        for i in 0..2 {
            reach[0][i] = reach[0][i].min(window.from[i]);
            reach[1][i] = reach[1][i].max(window.from[i] + frame[i] * window.step);
        }
    }
    [reach[0].map(|v| v.floor() - 1.0), reach[1].map(|v| v.ceil() + 1.0)]
}

impl Window {
    /// What is seen from `view`: as far aside as it asks, but closer where the picture would end otherwise.
    /// Only a camera that draws back sees past the edges.
    fn new(stage: &Stage, bounds: &Bounds, view: &View) -> Self {
        let frame = [stage.width, stage.height];
        let [across, up] = view.shift(NEAR[0]).map(|shift| (shift * ASIDE).clamp(-0.3, 0.3));
        let wanted = [0.5 + across, 0.5 - up];
        let step = 1.0 / view.scale(NEAR[1]);
        let past = [0, 1].map(|i| (frame[i] * (step - 1.0) * 0.5).max(0.0));
        let room = |i: usize| {
            let centre = wanted[i] * frame[i];
            let (low, high) = (bounds[0][i].min(-past[i]), bounds[1][i].max(frame[i] + past[i]));
            2.0 * (centre - low).min(high - centre) / frame[i]
        };
        let step = step.min(room(0)).min(room(1));
        Self { from: [0, 1].map(|i| (wanted[i] - step * 0.5) * frame[i]), step }
    }
}

impl Element for Still {
    fn pose<'a>(&'a self, stage: &Stage, moment: &Moment) -> Box<dyn Posed + 'a> {
        let window = Window::new(stage, &self.bounds, &moment.view.relative_to(&self.rest));
        let place =
            |i: usize, pixel: f32| (window.from[i] - self.origin[i] + (pixel + 0.5) * window.step) * self.density - 0.5;
        let last = (self.canvas.width() as usize).saturating_sub(2);
        let column = |x: usize| {
            let place = place(0, x as f32).clamp(0.0, last as f32 + 1.0);
            let index = (place as usize).min(last);
            (index * 3, place - index as f32)
        };
        let wide = stage.width * 0.30;
        Box::new(StillPose {
            canvas: &self.canvas,
            columns: (0..stage.width as usize).map(column).collect(),
            first_row: place(1, 0.0),
            row_step: window.step * self.density,
            weight: self.weight(moment.progress),
            sheen: Sheen {
                middle: (moment.progress * 1.5 - 0.25) * stage.width,
                slant: -0.35,
                wide,
                strength: 0.045 * (moment.progress * PI).sin(),
            },
        })
    }
}

impl StillPose<'_> {
    fn sample(&self, y: f32, row: &mut Row, line: &mut Vec<f32>) {
        let stride = self.canvas.width() as usize * 3;
        let last = (self.canvas.height() as usize).saturating_sub(2);
        let place = (self.first_row + y * self.row_step).clamp(0.0, last as f32 + 1.0);
        let first = (place as usize).min(last);
        let share = place - first as f32;
        let lines = &self.canvas.as_raw()[first * stride..][..2 * stride];
        let (upper, lower) = lines.split_at(stride);
        line.clear();
        line.extend(upper.iter().zip(lower).map(|(a, b)| f32::from(*a) + (f32::from(*b) - f32::from(*a)) * share));
        let pixels = row.red.iter_mut().zip(&mut row.green).zip(&mut row.blue);
        for (((red, green), blue), (at, share)) in pixels.zip(&self.columns) {
            let taps = &line[*at..*at + 6];
            *red = taps[0] + (taps[3] - taps[0]) * share;
            *green = taps[1] + (taps[4] - taps[1]) * share;
            *blue = taps[2] + (taps[5] - taps[2]) * share;
        }
    }
}

impl Sheen {
    fn paint(&self, y: f32, row: &mut Row, shade: &mut Vec<f32>) {
        if self.strength <= 0.0 {
            return;
        }
        let middle = self.middle - y * self.slant;
        shade.clear();
        shade.extend((0..row.width()).map(|x| {
            let away = (x as f32 - middle) / self.wide;
            1.0 + self.strength / (1.0 + away * away * 2.0)
        }));
        for plane in row.planes() {
            for (pixel, light) in plane.iter_mut().zip(shade.iter()) {
                *pixel = (*pixel * light).min(255.0);
            }
        }
    }
}

impl Posed for StillPose<'_> {
    fn paint(&self, y: f32, row: &mut Row, brush: &mut Brush) {
        if self.weight <= 0.0 {
            return;
        }
        if self.weight >= 1.0 {
            self.sample(y, row, &mut brush.cover);
            return self.sheen.paint(y, row, &mut brush.shade);
        }
        let mut spare = brush.spare.take().unwrap_or_else(|| Row::new(row.width()));
        self.sample(y, &mut spare, &mut brush.cover);
        self.sheen.paint(y, &mut spare, &mut brush.shade);
        row.fade(&spare, self.weight);
        brush.spare = Some(spare);
    }

    fn hides(&self, _y: f32) -> bool {
        self.weight >= 1.0
    }
}
