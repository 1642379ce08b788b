//! What stands in the sky: the sun or moon, stars, northern lights, gas and planets, clouds, birds.

use super::aurora::Aurora;
use super::birds::Birds;
use super::clouds::{CloudCover, Clouds};
use super::ink::{Ink, ink, lit, mix, times};
use super::scene::Plan;
use super::sky::{Lamp, Sky};
use super::space::{Nebula, Planet};
use super::stage::Element;
use super::stars::Stars;
use super::words::{Air, Hour, Place, Thing};

/// The sky and everything in it, back to front.
pub(crate) fn heavens(plan: &Plan) -> Vec<Box<dyn Element>> {
    if plan.at(Place::Space) {
        return space(plan);
    }
    let mut dice = plan.dice.fork(4);
    let mut heavens: Vec<Box<dyn Element>> = vec![Box::new(Sky::new(&plan.palette, plan.horizon, plan.lamp))];
    let strength = if plan.gloomy() { 0.0 } else { plan.palette.night * plan.palette.night };
    if strength > 0.05 || plan.with(Thing::Stars) {
        let count = if plan.with(Thing::Stars) { 900 } else { 480 };
        heavens.push(Box::new(Stars::new(&plan.stage, count, plan.horizon, strength.max(0.4), &mut dice)));
    }
    if plan.with(Thing::Aurora) {
        heavens.push(Box::new(Aurora::new(plan.horizon, &mut dice)));
    }
    heavens.push(Box::new(streaks(plan)));
    heavens.push(Box::new(heaps(plan)));
    let daytime = !plan.gloomy() && !plan.at(Place::City) && plan.palette.night < 0.3;
    if plan.with(Thing::Birds) || (daytime && dice.chance(0.6)) {
        let paint = times(mix(plan.palette.haze, ink(0x20_20_30), 0.75), 0.9);
        let height = plan.horizon * dice.between(0.35, 0.6);
        heavens.push(Box::new(Birds::new(&plan.stage, height, paint, plan.speed, &mut dice)));
    }
    heavens
}

/// Heaps of cloud.
fn heaps(plan: &Plan) -> Clouds {
    let mut dice = plan.dice.fork(5);
    let (count, density, rise) = match plan.air.iter().max_by_key(|air| **air as u8 * u8::from(**air != Air::Wind)) {
        Some(Air::Storm) => (26, 0.97, 0.80),
        Some(Air::Rain | Air::Cloudy) => (20, 0.90, 0.75),
        Some(Air::Snow) => (13, 0.70, 0.65),
        Some(Air::Fog) => (5, 0.40, 0.50),
        Some(Air::Clear) => (2, 0.45, 0.50),
        Some(Air::Wind) => (9, 0.85, 0.70),
        None => (dice.pick(&[5, 6, 8]), 0.85, 0.72),
    };
    let thin = 1.0 - 0.55 * plan.palette.night;
    let speed = plan.speed * if plan.has(Air::Wind) || plan.has(Air::Storm) { 0.035 } else { 0.010 };
    let cover = CloudCover {
        count,
        rows: [plan.horizon * 0.20, plan.horizon - plan.stage.unit * 0.10],
        width: plan.stage.unit * if count > 10 { 0.85 } else { 0.52 },
        rise,
        density: density * thin,
        speed: speed * dice.pick(&[-1.0, 1.0]),
        paints: cloud_paints(plan),
    };
    Clouds::new(&plan.stage, &cover, &mut dice)
}

/// Thin bands of cloud low over the horizon.
fn streaks(plan: &Plan) -> Clouds {
    let mut dice = plan.dice.fork(6);
    let low = matches!(plan.hour, Hour::Dawn | Hour::Sunset | Hour::Dusk);
    let [bright, dim] = cloud_paints(plan);
    let cover = CloudCover {
        count: if low { 9 } else { 4 },
        rows: [plan.horizon * 0.45, plan.horizon - plan.stage.unit * 0.05],
        width: plan.stage.unit * 0.75,
        rise: 0.13,
        density: if low { 0.65 } else { 0.4 },
        speed: plan.speed * 0.006,
        paints: if low {
            [mix(plan.palette.sky[2], bright, 0.3), mix(plan.palette.sky[1], dim, 0.5)]
        } else {
            [bright, dim]
        },
    };
    Clouds::new(&plan.stage, &cover, &mut dice)
}

fn cloud_paints(plan: &Plan) -> [Ink; 2] {
    let palette = &plan.palette;
    let white = if plan.has(Air::Storm) { ink(0x9a_a2_b0) } else { ink(0xff_ff_ff) };
    let night = palette.night;
    let top = mix(lit(white, palette.light), palette.lamp, 0.30 * (1.0 - night));
    let top = mix(top, palette.sky[1], 0.45 * night);
    [top, mix(palette.sky[2], lit(white, palette.light), 0.30 * (1.0 - night))]
}

fn space(plan: &Plan) -> Vec<Box<dyn Element>> {
    let mut dice = plan.dice.fork(4);
    let (stage, unit) = (&plan.stage, plan.stage.unit);
    let mut sky = plan.palette;
    sky.sky = [ink(0x04_05_12), ink(0x06_08_1c), ink(0x0a_0c_28), ink(0x12_10_34)];
    let lamp = Lamp { glow: 0.0, visible: false, ..plan.lamp };
    let gas = plan.tint.map_or(
        dice.pick(&[[0xb0_3a_88, 0x24_58_c8], [0xd0_6a_30, 0x5a_2a_a8], [0x2a_98_90, 0x7a_30_b0]]).map(ink),
        |t| [t, mix(t, ink(0x30_40_c0), 0.6)],
    );
    let planet = |x: f32, y: f32, size: f32, ring: bool, near: f32, paints: [u32; 2], seed: u64| Planet {
        place: [stage.width * x, stage.height * y],
        radius: unit * size,
        paints: paints.map(ink),
        ring,
        near,
        seed,
    };
    let side = dice.pick(&[-1.0, 1.0]);
    let paints = dice.pick(&[
        [0xc8_8a_5a, 0xf0_d8_a8],
        [0x3a_78_b8, 0xa8_d8_e8],
        [0xa8_4a_50, 0xf0_b0_88],
        [0x6a_58_b0, 0xd0_b8_f0],
    ]);
    vec![
        Box::new(Sky::new(&sky, plan.stage.height, lamp)),
        Box::new(Nebula::new(gas, &mut dice)),
        Box::new(Stars::new(stage, 1000, stage.height * 1.2, 1.0, &mut dice)),
        Box::new(planet(side * 0.20, 0.40, dice.between(0.20, 0.26), dice.chance(0.7), 0.10, paints, dice.roll())),
        Box::new(planet(-side * 0.30, 0.22, 0.045, false, 0.06, [0x9a_98_a0, 0xd8_d4_cc], dice.roll())),
    ]
}
