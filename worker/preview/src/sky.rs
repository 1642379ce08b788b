//! The sky: its colours from the zenith to the horizon, the sun or the moon, and their shine.

use super::ink::{Ink, mix};
use super::palette::Palette;
use super::row::Row;
use super::stage::{Brush, Element, Lens, Moment, Posed, Stage};

/// The sky behind everything.
pub(crate) struct Sky {
    colours: [Ink; 4],
    haze: Ink,
    horizon: f32,
    height: f32,
    lamp: Lamp,
}

/// The sun or the moon, in pixels of the resting picture.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Lamp {
    /// Across from the middle of the frame.
    pub(crate) x: f32,
    /// Down from the top of the frame.
    pub(crate) y: f32,
    pub(crate) radius: f32,
    pub(crate) paint: Ink,
    /// How strongly it shines into the air around it, 0 to 1.
    pub(crate) glow: f32,
    /// Whether it is the moon.
    pub(crate) moon: bool,
    /// Whether its disc is to be seen.
    pub(crate) visible: bool,
}

struct SkyPose<'a> {
    sky: &'a Sky,
    lens: Lens,
    lamp: [f32; 2],
    halo: f32,
}

impl Sky {
    /// A sky whose horizon rests at `horizon` pixels below the frame's top.
    pub(crate) fn new(palette: &Palette, horizon: f32, lamp: Lamp) -> Self {
        Self { colours: palette.sky, haze: palette.haze, horizon, height: horizon.max(8.0) * 1.02, lamp }
    }

    fn colour(&self, resting_y: f32) -> Ink {
        let above = (self.horizon - resting_y) / self.height;
        if above < 0.0 {
            return mix(self.colours[3], self.haze, (-above * 3.0).min(1.0));
        }
        let place = 3.0 - 3.0 * above.min(1.0).powf(0.72);
        let step = (place as usize).min(2);
        let t = place - step as f32;
        mix(self.colours[step], self.colours[step + 1], t * (0.6 + 0.4 * t * (2.0 - t)))
    }
}

impl Element for Sky {
    fn pose<'a>(&'a self, stage: &Stage, moment: &Moment) -> Box<dyn Posed + 'a> {
        let lens = stage.lens(&moment.view, 0.02);
        let pulse = 1.0 + 0.015 * (moment.time_s * 1.3).sin();
        let lamp = [lens.seen_x(self.lamp.x), lens.seen_y(self.lamp.y)];
        Box::new(SkyPose { sky: self, lens, lamp, halo: stage.unit * 0.16 * lens.scale * pulse })
    }
}

impl SkyPose<'_> {
    fn paint_glow(&self, y: f32, row: &mut Row, brush: &mut Brush) {
        let down = y + 0.5 - self.lamp[1];
        let (inner, outer) = (1.0 / (self.halo * self.halo), 0.07 / (self.halo * self.halo));
        let glow = self.sky.lamp.glow;
        brush.shade.clear();
        brush.shade.extend((0..row.width()).map(|x| {
            let aside = x as f32 + 0.5 - self.lamp[0];
            let square = aside * aside + down * down;
            glow * (0.55 / (1.0 + square * inner * 4.0) + 0.34 / (1.0 + square * outer * 4.0))
        }));
        row.blend(0, self.sky.lamp.paint, &brush.shade);
    }

    fn paint_disc(&self, y: f32, row: &mut Row) {
        let lamp = &self.sky.lamp;
        let radius = lamp.radius * self.lens.scale;
        let down = y + 0.5 - self.lamp[1];
        if down.abs() > radius + 1.0 {
            return;
        }
        let from = (self.lamp[0] - radius - 1.0).max(0.0) as usize;
        let to = ((self.lamp[0] + radius + 2.0).max(0.0) as usize).min(row.width());
        for x in from..to {
            let aside = x as f32 + 0.5 - self.lamp[0];
            let cover = (radius - (aside * aside + down * down).sqrt() + 0.5).clamp(0.0, 1.0);
            row.touch(x, lamp.paint, cover * self.lightness(aside / radius, down / radius));
        }
    }

    /// How much of the disc's colour shows at a place on it: the moon is shaded and has its seas.
    fn lightness(&self, x: f32, y: f32) -> f32 {
        if !self.sky.lamp.moon {
            return 1.0;
        }
        let away = |cx: f32, cy: f32| ((x - cx) * (x - cx) + (y - cy) * (y - cy)).sqrt();
        let sea = |cx: f32, cy: f32, size: f32| ((size - away(cx, cy)) * 6.0).clamp(0.0, 1.0) * 0.13;
        let shadow = ((away(-0.30, -0.22) - 0.72) * 0.55).clamp(0.0, 0.3);
        1.0 - shadow - sea(-0.30, -0.25, 0.30) - sea(0.18, 0.30, 0.24) - sea(-0.25, 0.42, 0.16)
    }
}

impl Posed for SkyPose<'_> {
    fn paint(&self, y: f32, row: &mut Row, brush: &mut Brush) {
        row.fill(self.sky.colour(self.lens.rest_y(y)));
        if self.sky.lamp.glow > 0.01 {
            self.paint_glow(y, row, brush);
        }
        if self.sky.lamp.visible {
            self.paint_disc(y, row);
        }
    }

    fn hides(&self, _y: f32) -> bool {
        true
    }
}

/// The lamp's shine in the air before the scene.
pub(crate) struct Shine {
    pub(crate) lamp: Lamp,
}

struct ShinePose {
    across: Vec<f32>,
    centre: f32,
    spread: f32,
    paint: Ink,
    strength: f32,
}

impl Element for Shine {
    fn pose<'a>(&'a self, stage: &Stage, moment: &Moment) -> Box<dyn Posed + 'a> {
        let lens = stage.lens(&moment.view, 0.02);
        let spread = stage.unit * 0.42 * lens.scale;
        let centre = lens.seen_x(self.lamp.x);
        let across = (0..stage.width as usize).map(|x| bell((x as f32 - centre) / spread)).collect();
        let strength = 0.26 * self.lamp.glow;
        Box::new(ShinePose { across, centre: lens.seen_y(self.lamp.y), spread, paint: self.lamp.paint, strength })
    }
}

impl Posed for ShinePose {
    fn paint(&self, y: f32, row: &mut Row, brush: &mut Brush) {
        let strength = self.strength * bell((y - self.centre) / self.spread);
        if strength > 0.004 {
            brush.shade.clear();
            brush.shade.extend(self.across.iter().map(|share| share * strength));
            row.blend(0, self.paint, &brush.shade);
        }
    }
}

fn bell(x: f32) -> f32 {
    (-x * x).exp()
}
