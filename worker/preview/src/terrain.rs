//! The land and the water of a scene: which layers there are, back to front.

use super::build::{Build, Cut};
use super::craft::{Craft, Kind};
use super::ink::{ink, lit, mix};
use super::land::{grass, grove, hills, pines};
use super::plants::{Flowers, Palm};
use super::scene::Plan;
use super::stage::Element;
use super::stars::Traffic;
use super::water::{Ripples, Water};
use super::words::{Air, Hour, Place, Thing};

/// The land and the water that the plan asks for.
pub(crate) fn terrain(plan: &Plan) -> Vec<Box<dyn Element>> {
    let mut build = Build::new(plan);
    background(&mut build);
    if plan.wet() {
        water(&mut build);
        shore(&mut build);
    } else {
        foreground(&mut build);
    }
    build.elements
}

fn background(build: &mut Build<'_>) {
    let (plan, wet) = (build.plan, build.plan.wet());
    let bare = plan.places.iter().all(|place| matches!(place, Place::Sea | Place::Beach | Place::Lake));
    if plan.at(Place::Mountains) || (bare && plan.at(Place::Lake)) {
        ridges(build);
    } else if bare && build.dice.chance(0.75) {
        islands(build);
    }
    if plan.at(Place::Desert) {
        sand(build, if wet { 2 } else { 4 });
    }
    if plan.at(Place::City) || plan.at(Place::Street) {
        town(build, wet);
    }
    if plan.at(Place::Field) {
        meadows(build, if wet { 2 } else { 4 });
    }
    if plan.at(Place::Forest) {
        woods(build, if wet { 2 } else { 4 });
    }
    if plan.at(Place::Space) {
        moonscape(build);
    }
}

fn foreground(build: &mut Build<'_>) {
    let plan = build.plan;
    if plan.at(Place::Street) {
        road(build);
    } else if plan.places.iter().all(|place| *place == Place::Mountains) {
        foothills(build);
    } else if plan.at(Place::Field) {
        lawn(build, 0.86, 0.075);
    }
}

fn ridges(build: &mut Build<'_>) {
    let unit = build.plan.stage.unit;
    for step in 0..3 {
        let t = step as f32 / 2.0;
        let base = build.foot(0.02 + 0.20 * t);
        let paint = build.paint([0x7a_8c_b4, 0x5c_70_98, 0x3e_58_74][step]);
        let cut = Cut { near: 0.05 + 0.09 * t, base, far: 0.66 - 0.24 * t, paint };
        build.ridge(cut, unit * (0.60 - 0.20 * t), unit * (0.42 - 0.22 * t), step < 2);
        build.mist(0.10 + 0.1 * t, 0.5);
    }
}

fn islands(build: &mut Build<'_>) {
    let unit = build.plan.stage.unit;
    let base = build.plan.horizon - unit * 0.012;
    for (near, far, height, seed) in [(0.05, 0.86, 0.17, 1), (0.08, 0.66, 0.13, 2)] {
        let paint = build.paint(0x4a_68_78);
        let hump = hills(&build.plan.stage, unit * height, unit * (0.5 + 0.2 * seed as f32), build.dice.roll());
        let outline = hump.lowered(unit * height * 0.55);
        build.cut(outline, Cut { near, base, far, paint });
    }
}

fn sand(build: &mut Build<'_>, count: usize) {
    let unit = build.plan.stage.unit;
    for step in 0..count {
        let t = step as f32 / 3.0;
        let base = build.foot(0.10 + 0.85 * t * t.sqrt());
        let paint = build.paint([0xe0_b4_88, 0xe2_a8_6c, 0xd8_94_58, 0xc4_7e_46][step]);
        let cut = Cut { near: 0.08 + 0.62 * t, base, far: 0.68 - 0.62 * t, paint };
        build.dunes(cut, unit * (0.40 + 0.55 * t), unit * (0.15 + 0.17 * t));
        build.mist(0.2 + 0.3 * t, 0.4);
    }
}

fn town(build: &mut Build<'_>, wet: bool) {
    let unit = build.plan.stage.unit;
    for step in 0..3 {
        let t = step as f32 / 2.0;
        let base = build.foot(0.15 + 0.75 * t);
        let paint = build.paint([0x8c_98_b4, 0x64_70_92, 0x40_4a_6c][step]);
        let (height, width) =
            if wet { (0.44 - 0.14 * t, 0.055 + 0.02 * t) } else { (0.50 + 0.10 * t, 0.06 + 0.06 * t) };
        let cut = Cut { near: 0.10 + 0.10 * t + if wet { 0.0 } else { 0.18 * t }, base, far: 0.72 - 0.36 * t, paint };
        build.houses(cut, unit * height, unit * width, unit * (0.013 + 0.006 * t));
        build.mist(0.05 + 0.3 * t, 0.4);
    }
}

fn meadows(build: &mut Build<'_>, count: usize) {
    let (stage, unit) = (build.plan.stage, build.plan.stage.unit);
    for step in 0..count {
        let t = step as f32 / 3.0;
        let base = build.foot(0.12 + 0.48 * t);
        let paint = build.paint([0x5c_94_6c, 0x6e_a4_58, 0x8a_b4_4c, 0x6c_9c_40][step]);
        let seed = build.dice.roll();
        let outline = match step {
            1 | 2 => grove(&stage, unit * (0.05 + 0.04 * t), unit * 0.07, seed),
            _ => hills(&stage, unit * (0.12 - 0.03 * t), unit * (0.45 + 0.4 * t), seed),
        };
        build.cut(outline, Cut { near: 0.08 + 0.45 * t, base, far: 0.66 - 0.56 * t, paint });
        build.mist(0.12 + 0.4 * t, 0.4);
    }
}

fn lawn(build: &mut Build<'_>, share: f32, height: f32) {
    let (stage, unit) = (build.plan.stage, build.plan.stage.unit);
    let windy = build.plan.has(Air::Wind) || build.plan.has(Air::Storm);
    for (step, near) in [(0.0, 0.75), (1.0, 1.0)] {
        let paint = build.paint(if step == 0.0 { 0x4c_80_38 } else { 0x2c_58_30 });
        let seed = build.dice.roll();
        let outline = grass(&stage, unit * height * (1.0 + 0.5 * step), unit * 0.06, unit * (0.5 + 0.3 * step), seed);
        let base = build.plan.down(share) + unit * 0.075 * step;
        let layer = build.layer(outline, Cut { near, base, far: 0.04, paint });
        build.push(layer.swaying(unit * if windy { 0.010 } else { 0.0035 }));
    }
    if !build.plan.has(Air::Snow) {
        let codes = build.dice.pick(&[
            [0xf0_5a_4a, 0xff_f0_e0, 0xf0_a0_b8],
            [0x8a_6a_d8, 0xf4_e8_ff, 0xf0_c0_40],
            [0xff_c8_38, 0xff_f4_dc, 0xf0_7a_40],
        ]);
        let paints = codes.map(|code| build.plan.palette.seen(ink(code), 0.0));
        let rows = [build.plan.down(share) - unit * 0.02, stage.height + unit * 0.02];
        let flowers = Flowers::new(&stage, rows, paints, &mut build.dice);
        build.elements.push(Box::new(flowers));
    }
}

fn woods(build: &mut Build<'_>, count: usize) {
    let (stage, unit) = (build.plan.stage, build.plan.stage.unit);
    for step in 0..count {
        let t = step as f32 / 3.0;
        let base = build.foot(0.05 + 0.90 * t);
        let paint = build.paint([0x52_86_78, 0x3c_74_5c, 0x2a_5c_48, 0x16_3c_34][step]);
        let outline = pines(&stage, unit * (0.13 + 0.33 * t), unit * 0.06, 1.0 - 0.45 * t, build.dice.roll());
        build.cut(outline, Cut { near: 0.10 + 0.65 * t, base, far: 0.74 - 0.72 * t, paint });
        build.mist(0.10 + 0.60 * t, if step + 1 < count { 0.8 - 0.4 * t } else { 0.0 });
    }
}

fn foothills(build: &mut Build<'_>) {
    let (stage, unit) = (build.plan.stage, build.plan.stage.unit);
    for (near, share, height, density, code) in
        [(0.24, 0.38, 0.075, 1.0, 0x3a6664), (0.42, 0.66, 0.13, 0.95, 0x26504c), (0.75, 1.02, 0.26, 0.6, 0x123234)]
    {
        let paint = build.paint(code);
        let outline = pines(&stage, unit * height, unit * 0.10, density, build.dice.roll());
        build.cut(outline, Cut { near, base: build.plan.down(share), far: 0.50 - 0.6 * near, paint });
        build.mist(share, 0.45 * (1.0 - near));
    }
}

fn moonscape(build: &mut Build<'_>) {
    let unit = build.plan.stage.unit;
    for (near, share, height, code) in
        [(0.35, 0.10, 0.14, 0x58_4e_78), (0.60, 0.45, 0.11, 0x3c_34_58), (1.0, 1.1, 0.12, 0x22_1c_38)]
    {
        let paint = mix(ink(code), build.paint(code), 0.5);
        let cut = Cut { near, base: build.plan.down(share), far: 0.0, paint: mix(paint, [255.0; 3], 0.25) };
        build.ridge(cut, unit * 0.42, unit * height, false);
    }
}

fn road(build: &mut Build<'_>) {
    let (stage, unit) = (build.plan.stage, build.plan.stage.unit);
    let paint = build.paint(0x30_34_48);
    let row = stage.height - unit * 0.10;
    let flat = hills(&stage, 0.5, unit, 1);
    build.cut(flat, Cut { near: 0.9, base: row - unit * 0.035, far: 0.03, paint });
    let traffic = Traffic::new([row + unit * 0.005, row + unit * 0.045], 0.16 * build.plan.speed, &mut build.dice);
    build.elements.push(Box::new(traffic));
}

fn water(build: &mut Build<'_>) {
    let plan = build.plan;
    let rough = match () {
        () if plan.has(Air::Storm) => 1.0,
        () if plan.at(Place::Sea) => 0.55,
        () if plan.at(Place::Beach) => 0.45,
        () => 0.16,
    };
    let own = build.paint(if plan.at(Place::Lake) { 0x28_5c_70 } else { 0x1c_6a_88 });
    let paint = mix(lit(own, plan.palette.light), plan.palette.sky[1], 0.35 + 0.3 * plan.palette.glow);
    let ripples = Ripples::new(&mut build.dice);
    let (horizon, lamp) = (plan.horizon, plan.lamp);
    let body = if rough < 0.3 { [0.16, 0.46] } else { [0.28, 0.74] };
    build.elements.push(Box::new(Water { horizon, paint, body, rough, speed: plan.speed, lamp, ripples }));
    build.mist(0.03, 0.5);
    let sailing = plan.at(Place::Sea) && !plan.has(Air::Storm) && plan.hour != Hour::Night;
    if plan.with(Thing::Boat) || (sailing && build.dice.chance(0.6)) {
        boat(build);
    }
}

fn boat(build: &mut Build<'_>) {
    let plan = build.plan;
    let side = build.dice.pick(&[-1.0, 1.0]);
    let x = side * plan.stage.width * build.dice.between(0.06, 0.24);
    let paint = plan.tint.unwrap_or(ink(0xfa_f0_e0));
    build.elements.push(Box::new(Craft {
        kind: Kind::Boat,
        place: [x, plan.down(0.24)],
        size: plan.stage.unit * 0.14,
        near: 0.26,
        speed: plan.stage.unit * 0.014 * plan.speed * -side,
        paint,
        light: mix(plan.palette.light, ink(0xff_ff_ff), 0.25),
    }));
}

fn shore(build: &mut Build<'_>) {
    let (plan, unit) = (build.plan, build.plan.stage.unit);
    let open = plan.at(Place::Sea) || plan.at(Place::Beach);
    if open {
        let count = if plan.at(Place::Beach) { 3 } else { 5 };
        for step in 0..count {
            build.waves(step as f32 / 4.0);
        }
    }
    if plan.at(Place::Beach) {
        strand(build);
    } else if !open && (plan.at(Place::Forest) || plan.at(Place::Mountains)) {
        let paint = build.paint(0x16_36_34);
        let outline = pines(&plan.stage, unit * 0.20, unit * 0.07, 0.55, build.dice.roll());
        build.cut(outline, Cut { near: 0.8, base: plan.down(1.0) + unit * 0.03, far: 0.03, paint });
    } else if !open && !plan.at(Place::City) {
        lawn(build, 0.92, 0.09);
    }
}

fn strand(build: &mut Build<'_>) {
    let (stage, unit) = (build.plan.stage, build.plan.stage.unit);
    let foam = hills(&stage, unit * 0.055, unit * 0.9, 5);
    let white = mix(build.paint(0xf4_f8_f8), ink(0xff_ff_ff), 0.6);
    let layer = build.layer(foam.clone(), Cut { near: 0.70, base: build.plan.down(0.74), far: 0.0, paint: white });
    build.push(layer.swaying(unit * 0.02));
    let paint = build.paint(0xe8_c4_90);
    build.cut(foam, Cut { near: 0.72, base: build.plan.down(0.775), far: 0.02, paint });
    let grains = grass(&stage, unit * 0.07, unit * 0.09, unit * 0.8, build.dice.roll());
    let paint = build.paint(0x8a_8a_50);
    let layer = build.layer(grains, Cut { near: 1.0, base: build.plan.down(1.0) + unit * 0.02, far: 0.0, paint });
    build.push(layer.swaying(unit * 0.004));
    if build.plan.with(Thing::Palm) || build.dice.chance(0.7) {
        palms(build);
    }
}

fn palms(build: &mut Build<'_>) {
    let (stage, unit) = (build.plan.stage, build.plan.stage.unit);
    let side = build.dice.pick(&[-1.0, 1.0]);
    let wind = if build.plan.has(Air::Wind) || build.plan.has(Air::Storm) { 3.0 } else { 1.0 };
    for (x, near, height, code) in [(0.37, 0.85, 0.46, 0x2c_5a_48), (0.44, 1.0, 0.62, 0x18_3c_34)] {
        let foot = [side * stage.width * (x + build.dice.between(-0.03, 0.03)), build.plan.down(0.86 + 0.15 * near)];
        let paint = build.plan.palette.seen(build.paint(code), 0.06);
        let lean = -side * unit * build.dice.between(0.06, 0.14);
        build.elements.push(Box::new(Palm { foot, height: unit * height, lean, near, paint, wind }));
    }
}
