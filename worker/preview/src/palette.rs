//! The colours of a scene: what the hour, the air and the prompt's colour words make of it.

use super::dice::Dice;
use super::ink::{Ink, ink, lit, luma, mix, tinted, turned};
use super::words::{Air, Hour};

/// The colours that light and air give to everything in a scene.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Palette {
    /// The sky from the zenith down to the horizon.
    pub(crate) sky: [Ink; 4],
    /// The sun's or the moon's own colour.
    pub(crate) lamp: Ink,
    /// What far things fade into.
    pub(crate) haze: Ink,
    /// The colour of the light on things; white is full daylight.
    pub(crate) light: Ink,
    /// How much of its own colour something at the horizon loses, 0 to 1.
    pub(crate) depth: f32,
    /// How strongly the lamp shines through the air, 0 to 1.
    pub(crate) glow: f32,
    /// How dark it is, 0 (day) to 1 (night): stars, windows and fireflies come out.
    pub(crate) night: f32,
    /// Whether the lamp is the moon.
    pub(crate) moon: bool,
}

impl Palette {
    /// The colours of `hour` in `air`, drawn towards `tint` and a little varied by the dice.
    pub(crate) fn new(hour: Hour, air: &[Air], tint: Option<Ink>, dice: &Dice) -> Self {
        let mut dice = dice.fork(2);
        let mut palette = of_hour(hour);
        let angle = dice.between(-0.16, 0.16);
        let bright = dice.between(0.96, 1.04);
        palette.recolour(|paint| turned(paint, angle).map(|v| (v * bright).min(255.0)));
        if let Some(tint) = tint {
            palette.recolour(|paint| tinted(paint, tint, 0.27));
        }
        air.iter().for_each(|one| palette.cloud_over(*one));
        palette
    }

    /// The colour of something painted `paint` that stands `far` away: 0 close by, 1 at the horizon.
    pub(crate) fn seen(&self, paint: Ink, far: f32) -> Ink {
        mix(lit(paint, self.light), self.haze, (far * self.depth).clamp(0.0, 1.0))
    }

    fn recolour(&mut self, change: impl Fn(Ink) -> Ink) {
        self.sky = self.sky.map(&change);
        self.haze = change(self.haze);
        self.light = mix(self.light, change(self.light), 0.7);
        self.lamp = mix(self.lamp, change(self.lamp), 0.5);
    }

    fn cloud_over(&mut self, air: Air) {
        let (grey, dimming, share) = match air {
            Air::Clear | Air::Wind => return,
            Air::Cloudy => (ink(0xb4_bc_c6), 0.96, 0.35),
            Air::Rain => (ink(0x8a_99_a8), 0.80, 0.62),
            Air::Storm => (ink(0x5a_66_78), 0.62, 0.78),
            Air::Snow => (ink(0xc6_d2_de), 0.98, 0.50),
            Air::Fog => (ink(0xc8_d0_d4), 0.97, 0.50),
        };
        let veil = |paint: Ink| {
            let level = (luma(paint) * 0.75 + luma(self.haze) * 0.25) / luma(grey);
            mix(paint, grey.map(|v| (v * level).min(255.0)), share).map(|v| v * dimming)
        };
        let (sky, haze, light) = (self.sky.map(veil), veil(self.haze), veil(self.light));
        (self.sky, self.haze, self.light) = (sky, haze, light);
        self.glow *= 1.0 - share;
        self.depth = (self.depth + if air == Air::Fog { 0.22 } else { 0.08 }).min(1.0);
    }
}

fn of_hour(hour: Hour) -> Palette {
    let base = |sky: [u32; 4], lamp: u32, haze: u32, light: u32| Palette {
        sky: sky.map(ink),
        lamp: ink(lamp),
        haze: ink(haze),
        light: ink(light),
        depth: 0.86,
        glow: 0.8,
        night: 0.0,
        moon: false,
    };
    match hour {
        Hour::Dawn => {
            let colours = base([0x46_5f_93, 0x9d_8f_b8, 0xf2_b3_a6, 0xff_dd_b0], 0xff_f1_d0, 0xf4_c4_b0, 0xc9_ae_b4);
            Palette { glow: 0.9, night: 0.12, ..colours }
        }
        Hour::Morning => Palette {
            glow: 0.7,
            ..base([0x4a_92_cf, 0x86_bf_e2, 0xc9_e6_ec, 0xff_f2_d2], 0xff_f9_e0, 0xd8_e8_e6, 0xfa_f0_dc)
        },
        Hour::Noon => Palette {
            glow: 0.5,
            ..base([0x1f_73_c8, 0x4d_9d_e2, 0x96_cb_ee, 0xdc_f0_f8], 0xff_ff_f0, 0xc4_e0_f0, 0xff_ff_fa)
        },
        Hour::Sunset => {
            let colours = base([0x2f_2f_6c, 0x8b_45_86, 0xea_6a_63, 0xff_bd_66], 0xff_f3_c4, 0xf5_94_68, 0xc0_80_7c);
            Palette { glow: 1.0, night: 0.10, ..colours }
        }
        Hour::Dusk => {
            let colours = base([0x18_1f_50, 0x45_40_85, 0x9b_66_9a, 0xec_9a_8c], 0xff_e4_c8, 0x8f_6a_98, 0x66_5e_8a);
            Palette { glow: 0.45, night: 0.55, moon: true, ..colours }
        }
        Hour::Night => {
            let colours = base([0x05_0b_24, 0x0c_1e_46, 0x1c_3c_68, 0x3a_68_88], 0xf4_f2_e0, 0x2a_50_70, 0x36_4c_72);
            Palette { glow: 0.4, night: 1.0, moon: true, ..colours }
        }
    }
}
