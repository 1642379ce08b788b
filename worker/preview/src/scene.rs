//! A scene: what stands on the stage for a prompt, back to front.

use super::craft::{Craft, Kind};
use super::dice::Dice;
use super::fog::Fog;
use super::heavens::heavens;
use super::ink::{Ink, ink, mix, times};
use super::palette::Palette;
use super::sky::{Lamp, Shine};
use super::stage::{Element, Stage};
use super::stars::Fireflies;
use super::terrain::terrain;
use super::weather::{Lightning, Rain, Snow};
use super::words::{Air, Hour, Pace, Place, Thing, Wish};

/// What a scene is made from: the wish, with the dice's choice for everything that it leaves open.
pub(crate) struct Plan {
    pub(crate) stage: Stage,
    pub(crate) palette: Palette,
    pub(crate) hour: Hour,
    pub(crate) places: Vec<Place>,
    pub(crate) air: Vec<Air>,
    pub(crate) things: Vec<Thing>,
    pub(crate) tint: Option<Ink>,
    /// The resting row of the horizon.
    pub(crate) horizon: f32,
    pub(crate) lamp: Lamp,
    /// How fast things go; 1 is natural.
    pub(crate) speed: f32,
    pub(crate) dice: Dice,
}

/// Everything on the stage for `wish`, back to front.
pub(crate) fn scene(stage: &Stage, wish: &Wish, dice: &Dice) -> Vec<Box<dyn Element>> {
    let plan = Plan::new(stage, wish, dice);
    let mut elements = heavens(&plan);
    elements.extend(terrain(&plan));
    elements.extend(things(&plan));
    elements.extend(weather(&plan));
    elements
}

impl Plan {
    fn new(stage: &Stage, wish: &Wish, dice: &Dice) -> Self {
        let mut choice = dice.fork(3);
        let places = if wish.places.is_empty() { chosen_places(&mut choice) } else { wish.places.clone() };
        let space = places.contains(&Place::Space);
        let hour = wish.hour.unwrap_or_else(|| chosen_hour(wish, space, &mut choice));
        let palette = Palette::new(hour, &wish.air, wish.tint, dice);
        let horizon = stage.height * horizon(&places) + stage.unit * choice.between(-0.02, 0.02);
        let lamp = lamp(stage, hour, &palette, &wish.air, horizon, &mut choice);
        let speed = match wish.pace.unwrap_or_default() {
            Pace::Calm => 0.6,
            Pace::Steady => 1.0,
            Pace::Fast => 1.8,
        };
        Self {
            stage: *stage,
            palette,
            hour,
            places,
            air: wish.air.clone(),
            things: wish.things.clone(),
            tint: wish.tint,
            horizon,
            lamp,
            speed,
            dice: dice.clone(),
        }
    }

    pub(crate) fn at(&self, place: Place) -> bool {
        self.places.contains(&place)
    }

    pub(crate) fn has(&self, air: Air) -> bool {
        self.air.contains(&air)
    }

    pub(crate) fn with(&self, thing: Thing) -> bool {
        self.things.contains(&thing)
    }

    /// Whether the sky is shut.
    pub(crate) fn gloomy(&self) -> bool {
        [Air::Cloudy, Air::Rain, Air::Storm, Air::Snow, Air::Fog].iter().any(|air| self.has(*air))
    }

    /// Whether there is open water.
    pub(crate) fn wet(&self) -> bool {
        let river = self.at(Place::City) && !self.at(Place::Street) && self.places.len() == 1;
        self.at(Place::Sea) || self.at(Place::Beach) || self.at(Place::Lake) || self.with(Thing::Boat) || river
    }

    /// The resting row at a part of the way from the horizon (0) to the frame's lower edge (1).
    pub(crate) fn down(&self, share: f32) -> f32 {
        self.horizon + (self.stage.height - self.horizon) * share
    }
}

fn chosen_places(dice: &mut Dice) -> Vec<Place> {
    let choices: [&[Place]; 8] = [
        &[Place::Sea],
        &[Place::Mountains],
        &[Place::Mountains, Place::Lake],
        &[Place::Forest],
        &[Place::City],
        &[Place::Desert],
        &[Place::Field],
        &[Place::Beach],
    ];
    dice.pick(&choices).to_vec()
}

fn chosen_hour(wish: &Wish, space: bool, dice: &mut Dice) -> Hour {
    let nightly = [Thing::Stars, Thing::Aurora, Thing::Moon, Thing::Fireflies];
    if space || nightly.iter().any(|thing| wish.things.contains(thing)) {
        return Hour::Night;
    }
    dice.pick(&[Hour::Dawn, Hour::Morning, Hour::Noon, Hour::Noon, Hour::Sunset, Hour::Sunset, Hour::Dusk, Hour::Night])
}

/// Where the horizon is, as a part of the frame's height; the first place named decides.
fn horizon(places: &[Place]) -> f32 {
    match places.first() {
        Some(Place::Sea | Place::Beach) => 0.54,
        Some(Place::Lake) => 0.56,
        Some(Place::City) => 0.66,
        Some(Place::Street) => 0.70,
        Some(Place::Desert) => 0.56,
        Some(Place::Field) => 0.60,
        Some(Place::Space) => 0.90,
        Some(Place::Mountains | Place::Forest) | None => 0.62,
    }
}

fn lamp(stage: &Stage, hour: Hour, palette: &Palette, air: &[Air], horizon: f32, dice: &mut Dice) -> Lamp {
    let side = dice.pick(&[-1.0, 1.0]);
    let (height, radius) = match hour {
        Hour::Dawn => (0.13, 0.060),
        Hour::Morning => (0.36, 0.045),
        Hour::Noon => (0.46, 0.040),
        Hour::Sunset => (0.11, 0.080),
        Hour::Dusk => (0.36, 0.040),
        Hour::Night => (0.40, 0.052),
    };
    let shut = [Air::Rain, Air::Storm, Air::Snow, Air::Cloudy].iter().any(|one| air.contains(one));
    Lamp {
        x: side * stage.width * dice.between(0.06, 0.30),
        y: (horizon - stage.unit * (height + dice.between(-0.02, 0.02))).max(horizon * 0.12),
        radius: stage.unit * radius,
        paint: palette.lamp,
        glow: palette.glow,
        moon: palette.moon,
        visible: !shut,
    }
}

fn things(plan: &Plan) -> Vec<Box<dyn Element>> {
    let mut dice = plan.dice.fork(7);
    let mut things: Vec<Box<dyn Element>> = Vec::new();
    let (stage, unit) = (&plan.stage, plan.stage.unit);
    let dark = plan.at(Place::Forest) || plan.at(Place::Field) || plan.at(Place::Lake);
    if plan.with(Thing::Fireflies) || (plan.palette.night > 0.5 && dark && !plan.gloomy()) {
        things.push(Box::new(Fireflies::new(stage, plan.down(0.55), &mut dice)));
    }
    if plan.with(Thing::Balloon) {
        let light = mix(plan.palette.light, ink(0xff_ff_ff), 0.35);
        for (x, y, size) in [(0.13, 0.40, 0.15), (-0.27, 0.58, 0.095), (0.36, 0.66, 0.06)] {
            let place = [stage.width * (x + dice.between(-0.05, 0.05)), plan.horizon * y];
            let paint = plan.tint.unwrap_or(dice.pick(&[ink(0xe0_4a_3a), ink(0xe8_8a_2a), ink(0x2a_8a_a0)]));
            let speed = unit * 0.012 * plan.speed;
            things.push(Box::new(Craft {
                kind: Kind::Balloon,
                place,
                size: unit * size,
                near: size * 1.4,
                speed,
                paint,
                light,
            }));
        }
    }
    if plan.lamp.visible && !plan.at(Place::Space) {
        things.push(Box::new(Shine { lamp: plan.lamp }));
    }
    things
}

fn weather(plan: &Plan) -> Vec<Box<dyn Element>> {
    let mut dice = plan.dice.fork(8);
    let mut weather: Vec<Box<dyn Element>> = Vec::new();
    let (stage, storm) = (&plan.stage, plan.has(Air::Storm));
    let windy = storm || plan.has(Air::Wind);
    if plan.has(Air::Fog) {
        let paint = mix(plan.palette.haze, ink(0xff_ff_ff), 0.10);
        weather.push(Box::new(Fog::new(stage, plan.down(0.62), 0.8, 0.50, paint, &mut dice)));
    }
    if storm {
        weather.push(Box::new(Lightning { seed: dice.roll(), horizon: plan.horizon }));
    }
    if plan.has(Air::Rain) || storm {
        let paint = mix(times(plan.palette.haze, 1.2), ink(0xe4_ec_f4), 0.6);
        weather.push(Box::new(Rain::new(storm, if windy { 0.30 } else { 0.08 }, paint, false, &plan.dice)));
    }
    if plan.has(Air::Snow) {
        weather.push(Box::new(Snow::new(if windy { 0.12 } else { 0.02 }, false, &plan.dice)));
    }
    weather
}
