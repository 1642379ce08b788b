//! The camera: where it looks at each moment of the clip.
//!
//! Turning it (pan, tilt) and changing its lens (zoom) act on everything alike; moving it (truck, pedestal, push) acts
//! on near things more than on far ones, which is what makes depth visible.

use std::f32::consts::TAU;

use super::dice::Dice;
use super::moves::{Move, moves};
use super::words::Pace;

/// Where the camera is. Positions are in frame widths and heights, to the right and upwards.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct View {
    /// Turned to the side and up: shifts everything by this part of the frame.
    turn: [f32; 2],
    /// Moved to the side and up: shifts the nearest layer by this part of the frame.
    place: [f32; 2],
    /// Logarithm of the lens's magnification.
    zoom: f32,
    /// Logarithm of how much larger the nearest layer has become by moving forward.
    push: f32,
}

impl View {
    /// The camera before it moves.
    pub(crate) const REST: Self = Self { turn: [0.0; 2], place: [0.0; 2], zoom: 0.0, push: 0.0 };

    /// How far something of nearness `near` (0: at the horizon, 1: close) has slid, in frame widths and heights;
    /// positive is to the left and downwards.
    pub(crate) fn shift(&self, near: f32) -> [f32; 2] {
        [self.turn[0] + self.place[0] * near, self.turn[1] + self.place[1] * near]
    }

    /// How much larger something of nearness `near` has become.
    pub(crate) fn scale(&self, near: f32) -> f32 {
        (self.zoom + self.push * near).exp()
    }

    /// This view as seen by somebody to whom `origin` is the resting place.
    pub(crate) fn relative_to(&self, origin: &Self) -> Self {
        self.plus(origin, -1.0)
    }

    fn plus(&self, step: &Self, share: f32) -> Self {
        let sum = |a: f32, b: f32, limit: f32| (a + b * share).clamp(-limit, limit);
        let pair = |a: [f32; 2], b: [f32; 2]| [sum(a[0], b[0], 1.2), sum(a[1], b[1], 0.9)];
        Self {
            turn: pair(self.turn, step.turn),
            place: pair(self.place, step.place),
            zoom: sum(self.zoom, step.zoom, 0.8),
            push: sum(self.push, step.push, 0.8),
        }
    }
}

/// The camera's way through the whole clip.
#[derive(Debug, Clone)]
pub(crate) struct Path {
    legs: Vec<Leg>,
    phases: [f32; 4],
}

#[derive(Debug, Clone, Copy)]
struct Leg {
    step: View,
    shake: f32,
}

impl Path {
    /// The way that the prompt's camera commands ask for, or a gentle one of the dice's choice when it has none.
    pub(crate) fn new(prompt: &str, pace: Pace, dice: &Dice) -> Self {
        let mut dice = dice.fork(1);
        let phases = [(); 4].map(|()| dice.between(0.0, TAU));
        let commands = moves(prompt);
        if commands.is_empty() {
            return Self { legs: vec![Leg { step: wander(pace, &mut dice), shake: 0.0 }], phases };
        }
        let share = 1.0 / (commands.len() as f32).sqrt();
        Self { legs: commands.iter().map(|together| leg(together, share)).collect(), phases }
    }

    /// The view after `progress` (0 to 1) of the clip, `time_s` seconds into it.
    pub(crate) fn view(&self, progress: f32, time_s: f32) -> View {
        let along = progress.clamp(0.0, 1.0) * self.legs.len() as f32;
        let mut view = View::REST;
        for (number, leg) in self.legs.iter().enumerate() {
            let share = (along - number as f32).clamp(0.0, 1.0);
            view = view.plus(&leg.step, ease(share));
            let tremble = leg.shake * (8.0 * share).min(8.0 * (1.0 - share)).min(1.0);
            view = view.plus(&self.tremor(time_s), tremble);
        }
        view
    }

    fn tremor(&self, time_s: f32) -> View {
        let swing = |hertz: f32, phase: f32| (TAU * hertz * time_s + phase).sin();
        let [a, b, c, d] = self.phases;
        let across = 0.60 * swing(6.7, a) + 0.40 * swing(10.9, b);
        let upwards = 0.55 * swing(7.9, c) + 0.45 * swing(9.7, d);
        View { turn: [0.011 * across, 0.014 * upwards], ..View::REST }
    }
}

/// Slow at both ends.
pub(crate) fn ease(share: f32) -> f32 {
    share * share * (3.0 - 2.0 * share)
}

fn leg(together: &[Move], share: f32) -> Leg {
    let step = together.iter().fold(View::REST, |sum, one| sum.plus(&step(*one), share));
    Leg { step, shake: if together.contains(&Move::Shake) { 1.0 } else { 0.0 } }
}

fn step(one: Move) -> View {
    let turn = |x, y| View { turn: [x, y], ..View::REST };
    let place = |x, y| View { place: [x, y], ..View::REST };
    match one {
        Move::PanLeft => turn(-0.18, 0.0),
        Move::PanRight => turn(0.18, 0.0),
        Move::TiltUp => turn(0.0, 0.18),
        Move::TiltDown => turn(0.0, -0.18),
        Move::TruckLeft => place(-0.38, 0.0),
        Move::TruckRight => place(0.38, 0.0),
        Move::PedestalUp => place(0.0, 0.20),
        Move::PedestalDown => place(0.0, -0.20),
        Move::ZoomIn => View { zoom: 0.32, ..View::REST },
        Move::ZoomOut => View { zoom: -0.20, ..View::REST },
        Move::PushIn => View { push: 0.42, ..View::REST },
        Move::PullOut => View { push: -0.26, ..View::REST },
        Move::Tracking => View { place: [0.44, 0.0], push: 0.08, ..View::REST },
        Move::Shake | Move::Static => View::REST,
    }
}

fn wander(pace: Pace, dice: &mut Dice) -> View {
    let side = dice.pick(&[-1.0, 1.0]);
    let gentle = match dice.roll() % 3 {
        0 => View { place: [0.16 * side, 0.02], push: 0.08, ..View::REST },
        1 => View { place: [0.05 * side, 0.0], push: 0.20, ..View::REST },
        _ => View { place: [0.12 * side, 0.0], turn: [0.03 * side, 0.0], push: 0.05, zoom: 0.04 },
    };
    let amount = match pace {
        Pace::Calm => 0.6,
        Pace::Steady => 1.0,
        Pace::Fast => 1.8,
    };
    View::REST.plus(&gentle, amount)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn end_of(prompt: &str) -> View {
        Path::new(prompt, Pace::Steady, &Dice::new(prompt, 1)).view(1.0, 5.0)
    }

    #[test]
    fn every_path_starts_at_rest() {
        for prompt in ["", "[Shake]", "[Pan left, Zoom in]", "[Push in][Pull out]"] {
            let start = Path::new(prompt, Pace::Fast, &Dice::new(prompt, 9)).view(0.0, 0.0);
            assert_eq!(start, View::REST, "{prompt}");
        }
    }

    #[test]
    fn commands_in_one_bracket_act_together_and_brackets_one_after_the_other() {
        let path = |prompt| Path::new(prompt, Pace::Steady, &Dice::new("", 1));
        let halfway = path("[Pan right][Tilt up]").view(0.5, 0.0).shift(0.0);
        assert!(halfway[0] > 0.1 && halfway[1] == 0.0, "{halfway:?}");
        let together = path("[Pan right, Tilt up]").view(0.5, 0.0).shift(0.0);
        assert!(together[0] > 0.05 && together[1] > 0.05, "{together:?}");
    }

    #[test]
    fn only_a_moving_camera_sees_parallax() {
        for turning in ["[Pan left]", "[Tilt up]", "[Zoom in]"] {
            assert_eq!(end_of(turning).shift(0.0), end_of(turning).shift(1.0), "{turning}");
            assert_eq!(end_of(turning).scale(0.0), end_of(turning).scale(1.0), "{turning}");
        }
        assert!(end_of("[Truck right]").shift(1.0)[0] > end_of("[Truck right]").shift(0.2)[0] + 0.1);
        assert!(end_of("[Push in]").scale(1.0) > end_of("[Push in]").scale(0.2) + 0.1);
    }

    #[test]
    fn a_static_shot_never_moves() {
        let path = Path::new("[Static shot]", Pace::Fast, &Dice::new("", 3));
        assert!((0..50).all(|i| path.view(i as f32 / 49.0, i as f32) == View::REST));
    }

    #[test]
    fn shaking_stays_small_and_ends_where_it_began() {
        let path = Path::new("[Shake]", Pace::Steady, &Dice::new("", 3));
        let shifts: Vec<f32> = (0..100).map(|i| path.view(i as f32 / 99.0, i as f32 / 24.0).shift(0.0)[0]).collect();
        assert!(shifts.iter().any(|s| *s > 0.004) && shifts.iter().any(|s| *s < -0.004));
        assert!(shifts.iter().all(|s| s.abs() < 0.02));
        assert_eq!(shifts[99], 0.0);
    }
}
