//! Northern lights: curtains that wave and pulse.

use super::dice::{Dice, noise};
use super::ink::{Ink, ink};
use super::row::Row;
use super::stage::{Brush, Element, Moment, Posed, Stage};

/// The curtains of one night.
pub(crate) struct Aurora {
    curtains: [Curtain; 3],
    horizon: f32,
}

struct Curtain {
    seed: u64,
    low: f32,
    paint: Ink,
    tall: f32,
}

struct AuroraPose {
    curtains: Vec<Hanging>,
}

struct Hanging {
    bottoms: Vec<f32>,
    bright: Vec<f32>,
    tall: f32,
    lowest: f32,
    paint: Ink,
}

impl Aurora {
    /// Curtains above the resting row `horizon`.
    pub(crate) fn new(horizon: f32, dice: &mut Dice) -> Self {
        let mut curtain = |low: f32, tall: f32, paint| Curtain { seed: dice.roll(), low, paint, tall };
        let curtains = [
            curtain(0.50, 0.30, ink(0x8a_5f_e0)),
            curtain(0.62, 0.36, ink(0x38_e0_a0)),
            curtain(0.80, 0.26, ink(0x50_f0_b8)),
        ];
        Self { curtains, horizon }
    }
}

impl Element for Aurora {
    fn pose<'a>(&'a self, stage: &Stage, moment: &Moment) -> Box<dyn Posed + 'a> {
        let lens = stage.lens(&moment.view, 0.01);
        let hang = |curtain: &Curtain| {
            let fold = |x: f32, fine: f32, speed: f32| {
                noise(curtain.seed ^ fine.to_bits() as u64, x / stage.unit * fine + moment.time_s * speed)
            };
            let columns = || (0..stage.width as usize).map(|x| lens.rest_x(x as f32 + 0.5));
            let bottom = |x: f32| {
                self.horizon * curtain.low - stage.unit * (0.26 * fold(x, 1.3, 0.06) + 0.05 * fold(x, 5.0, -0.2))
            };
            let bright = |x: f32| 0.85 * fold(x, 1.9, 0.1).powi(2) * (0.45 + 0.55 * fold(x, 26.0, 0.9)) + 0.05;
            let bottoms: Vec<f32> = columns().map(|x| lens.seen_y(bottom(x))).collect();
            Hanging {
                lowest: bottoms.iter().copied().fold(f32::MIN, f32::max),
                bottoms,
                bright: columns().map(bright).collect(),
                tall: stage.unit * curtain.tall * lens.scale,
                paint: curtain.paint,
            }
        };
        Box::new(AuroraPose { curtains: self.curtains.iter().map(hang).collect() })
    }
}

impl Posed for AuroraPose {
    fn paint(&self, y: f32, row: &mut Row, brush: &mut Brush) {
        for curtain in &self.curtains {
            let soft = 6.0 / curtain.tall;
            if y > curtain.lowest + 1.0 / soft {
                continue;
            }
            brush.shade.clear();
            brush.shade.extend(curtain.bottoms.iter().zip(&curtain.bright).map(|(bottom, bright)| {
                let above = bottom - y;
                let fading = 1.0 - (above / curtain.tall).clamp(0.0, 1.0);
                bright * fading * fading * (1.0 + above * soft).clamp(0.0, 1.0)
            }));
            row.shine(curtain.paint, &brush.shade, 1.0);
        }
    }
}
