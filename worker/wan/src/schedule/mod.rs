//! Schedules: the noise levels of a render's steps, and how to get from one to the next with a predicted velocity.
//!
//! The models are trained on straight lines from video to noise, `x = (1 - s) x0 + s noise`, and predict the line's
//! velocity `v = noise - x0`, so that `x0 = x - s v`. A schedule goes through falling `s` to 0 along one of three ways:
//! UniPC looks back at the steps before, Euler follows the line, and re-noising goes all the way to
//! `x0` and back up with fresh noise, as models distilled by distribution matching need it.

mod config;
mod sigmas;
mod unipc;

use std::ops::RangeInclusive;

use candle_core::{DType, Tensor};

pub use config::Config;

use crate::error::{Error, Result};
use sigmas::Sigmas;
use unipc::UniPc;

/// The most steps that are allowed: every timestep that the models were trained on.
pub const MOST_STEPS: usize = 1000;
/// The shifts that are allowed. Beyond them neighbouring levels of a long schedule are the same number in f32.
pub const SHIFTS: RangeInclusive<f64> = 0.01..=100.0;

/// How a render walks down the noise.
#[derive(Debug, Clone, PartialEq)]
pub enum Sampling {
    /// By the model folder's scheduler.
    Steps {
        /// Steps, from 1 to 1000.
        count: usize,
        /// In place of the folder's shift: more spends more of the steps on high noise.
        shift: Option<f64>,
    },
    /// By the steps that a model was distilled for.
    Distilled {
        /// Falling timesteps in (0, 1000], before the shift.
        steps: Vec<f64>,
        /// The shift.
        shift: f64,
        /// Whether each step goes to the video and back up with fresh noise, or else along the velocity.
        renoise: bool,
    },
}

/// The steps of one render.
#[derive(Debug)]
pub struct Schedule {
    levels: Sigmas,
    solver: Solver,
}

#[derive(Debug)]
enum Solver {
    UniPc(UniPc),
    Euler,
    Renoise,
}

impl Schedule {
    /// Plans the steps of a render.
    ///
    /// # Errors
    /// [`Error::Rejected`] for a number of steps, a list of steps or a shift that is out of bounds, or a scheduler that
    /// is not supported.
    pub fn new(config: &Config, sampling: &Sampling) -> Result<Self> {
        match sampling {
            Sampling::Steps { count, shift } => Self::published(config, *count, *shift),
            Sampling::Distilled { steps, shift, renoise } => {
                let solver = if *renoise { Solver::Renoise } else { Solver::Euler };
                check_steps(steps)?;
                Ok(Self { levels: Sigmas::distilled(steps, check_shift(*shift)?), solver })
            }
        }
    }

    fn published(config: &Config, count: usize, shift: Option<f64>) -> Result<Self> {
        if !(1..=MOST_STEPS).contains(&count) {
            return Err(Error::Rejected(format!("`steps` is {count}; it has to be from 1 to {MOST_STEPS}")));
        }
        let shift = check_shift(shift.unwrap_or(config.shift()))?;
        match config {
            Config::UniPc(_) => {
                let levels = Sigmas::unipc(count, shift);
                Ok(Self { solver: Solver::UniPc(UniPc::new(&levels)), levels })
            }
            Config::Euler(_) => Ok(Self { levels: Sigmas::euler(count, shift), solver: Solver::Euler }),
            Config::Other => Err(Error::Rejected("this model's own scheduler is not supported".into())),
        }
    }

    /// The number of steps.
    #[expect(clippy::len_without_is_empty, reason = "there is at least one step")]
    pub fn len(&self) -> usize {
        self.levels.timesteps.len()
    }

    /// The timestep that the network is given at step `i`, from 0 to 1000.
    pub fn timestep(&self, i: usize) -> Option<f64> {
        self.levels.timesteps.get(i).copied()
    }

    /// Goes from the latents `x` at step `i` to those of the next step, or at the last one to the video, with the
    /// velocity `v` that the network predicts for `x`. Latents are f32; `noise` makes standard normal noise of their
    /// shape, and is asked only where the sampling says so. Steps are taken in order; step 0 starts anew.
    ///
    /// # Errors
    /// [`Error::Rejected`] for a step that there is not; whatever `noise` fails with.
    pub fn step(
        &mut self,
        i: usize,
        x: &Tensor,
        v: &Tensor,
        noise: &mut dyn FnMut() -> Result<Tensor>,
    ) -> Result<Tensor> {
        let Some([level, next]) = self.levels.step(i) else {
            return Err(Error::Rejected(format!("there is no step {i}; the schedule has {}", self.len())));
        };
        let v = v.to_dtype(DType::F32)?;
        match &mut self.solver {
            Solver::UniPc(solver) => Ok(solver.step(i, x, &v)?),
            Solver::Euler => Ok((x + (v * (next - level))?)?),
            Solver::Renoise => {
                let video = (x - (v * level)?)?;
                if next == 0.0 { Ok(video) } else { Ok(((video * (1.0 - next))? + (noise()? * next)?)?) }
            }
        }
    }
}

fn check_shift(shift: f64) -> Result<f64> {
    if SHIFTS.contains(&shift) {
        return Ok(shift);
    }
    Err(Error::Rejected(format!("`shift` is {shift}; it has to be from {} to {}", SHIFTS.start(), SHIFTS.end())))
}

fn check_steps(steps: &[f64]) -> Result<()> {
    let inside = steps.iter().all(|step| *step > 0.0 && *step <= 1000.0);
    let falling = steps.windows(2).all(|pair| pair[0] > pair[1]);
    if inside && falling && (1..=MOST_STEPS).contains(&steps.len()) {
        return Ok(());
    }
    Err(Error::Rejected(format!(
        "the steps have to be from 1 to {MOST_STEPS} falling numbers above 0 and at most 1000; they are {steps:?}"
    )))
}

#[cfg(test)]
mod tests {
    use candle_core::Device;
    use serde_json::json;

    use super::*;

    fn config(class: &str) -> Config {
        let config = json!({"_class_name": class, "prediction_type": "flow_prediction", "use_flow_sigmas": true, "flow_shift": 3.0, "shift": 3.0});
        serde_json::from_value(config).expect("parses")
    }

    fn unipc(count: usize, shift: f64) -> Schedule {
        let sampling = Sampling::Steps { count, shift: Some(shift) };
        Schedule::new(&config("UniPCMultistepScheduler"), &sampling).expect("planned")
    }

    fn distilled(steps: &[f64], renoise: bool) -> Result<Schedule> {
        let sampling = Sampling::Distilled { steps: steps.to_vec(), shift: 5.0, renoise };
        Schedule::new(&config("UniPCMultistepScheduler"), &sampling)
    }

    fn timesteps(schedule: &Schedule) -> Vec<f64> {
        (0..schedule.len()).filter_map(|i| schedule.timestep(i)).collect()
    }

    fn no_noise() -> Result<Tensor> {
        Err(Error::Rejected("asked for noise".into()))
    }

    /// Walks from pure noise with the exact velocity towards `video`.
    fn walk(mut schedule: Schedule, video: f32) -> Result<f32> {
        let video = Tensor::full(video, (1, 2), &Device::Cpu)?;
        let noise = Tensor::full(-0.7f32, (1, 2), &Device::Cpu)?;
        let mut x = noise.clone();
        for i in 0..schedule.len() {
            x = schedule.step(i, &x, &(&noise - &video)?, &mut || Ok(noise.clone()))?;
        }
        Ok(x.get(0)?.get(0)?.to_scalar()?)
    }

    #[test]
    fn unipc_timesteps_are_whole_and_those_published() {
        assert_eq!(timesteps(&unipc(4, 3.0)), [999., 900., 750., 500.]);
        assert_eq!(timesteps(&unipc(3, 16.0)), [999., 969., 889.]);
    }

    #[test]
    fn euler_shifts_twice_and_distilled_steps_once() -> Result<()> {
        let sampling = Sampling::Steps { count: 3, shift: None };
        let schedule = Schedule::new(&config("FlowMatchEulerDiscreteScheduler"), &sampling)?;
        // The lowest level is 1/1000, shifted to 3/1002, and the middle (1 + 3/1002) / 2; both are shifted again.
        let middle = 1000.0 * 3.0 * 0.501_497_005_988_024 / (1.0 + 2.0 * 0.501_497_005_988_024);
        let times = timesteps(&schedule);
        assert!((times[1] - middle).abs() < 1e-6 && times[0] == 1000.0, "{times:?}");
        let times = timesteps(&distilled(&[1000., 750., 500., 250.], false)?);
        assert!(times.iter().zip([1000., 937.5, 833.333_333, 625.]).all(|(a, b)| (a - b).abs() < 1e-5), "{times:?}");
        Ok(())
    }

    #[test]
    fn one_euler_step_begins_at_pure_noise() -> Result<()> {
        let sampling = Sampling::Steps { count: 1, shift: None };
        let schedule = Schedule::new(&config("FlowMatchEulerDiscreteScheduler"), &sampling)?;
        assert_eq!(timesteps(&schedule), [1000.]);
        Ok(())
    }

    #[test]
    fn every_sampler_follows_a_straight_line_to_its_end() -> Result<()> {
        for count in [1, 2, 3, 20] {
            assert!((walk(unipc(count, 5.0), 0.3)? - 0.3).abs() < 1e-5, "UniPC, {count} steps");
        }
        for renoise in [false, true] {
            assert!((walk(distilled(&[1000., 757., 522.], renoise)?, 0.3)? - 0.3).abs() < 1e-6, "distilled, {renoise}");
        }
        Ok(())
    }

    #[test]
    fn re_noising_mixes_fresh_noise_by_the_next_level() -> Result<()> {
        let mut schedule = distilled(&[1000., 500.], true)?;
        let [x, v] = [Tensor::full(1f32, 1, &Device::Cpu)?, Tensor::full(0.5f32, 1, &Device::Cpu)?];
        let next = schedule.step(0, &x, &v, &mut || Ok(Tensor::full(2f32, 1, &Device::Cpu)?))?;
        // The video is 1 - 0.5, the next level 5/6.
        assert!((next.to_vec1::<f32>()?[0] - (0.5 / 6.0 + 2.0 * 5.0 / 6.0)).abs() < 1e-6);
        schedule.step(1, &x, &v, &mut no_noise)?;
        Ok(())
    }

    #[test]
    fn the_levels_fall_at_the_ends_of_what_is_allowed() {
        for shift in [*SHIFTS.start(), 1.0, *SHIFTS.end()] {
            let schedule = unipc(MOST_STEPS, shift);
            assert!(schedule.levels.sigmas.windows(2).all(|pair| pair[0] > pair[1]), "shift {shift}");
        }
    }

    #[test]
    fn a_schedule_out_of_bounds_is_rejected() {
        let steps = |count, shift| Schedule::new(&config("UniPCMultistepScheduler"), &Sampling::Steps { count, shift });
        assert!(matches!(steps(0, None), Err(Error::Rejected(_))));
        assert!(matches!(steps(1001, None), Err(Error::Rejected(_))));
        assert!(matches!(steps(4, Some(f64::NAN)), Err(Error::Rejected(_))));
        for list in [&[][..], &[1001.], &[0.0], &[500., 500.], &[250., 500.], &[f64::NAN]] {
            assert!(matches!(distilled(list, true), Err(Error::Rejected(_))), "{list:?}");
        }
    }

    #[test]
    fn a_model_with_another_scheduler_renders_only_with_steps_of_its_own() {
        let other = serde_json::from_value(json!({"_class_name": "DDIMScheduler"})).expect("parses");
        let published = Schedule::new(&other, &Sampling::Steps { count: 4, shift: None });
        assert!(matches!(published, Err(Error::Rejected(_))));
        let distilled = Sampling::Distilled { steps: vec![1000., 500.], shift: 5.0, renoise: false };
        assert!(Schedule::new(&other, &distilled).is_ok());
    }

    #[test]
    fn a_step_that_there_is_not_is_rejected() -> Result<()> {
        let x = Tensor::zeros(1, DType::F32, &Device::Cpu)?;
        assert!(matches!(unipc(4, 3.0).step(4, &x, &x, &mut no_noise), Err(Error::Rejected(_))));
        Ok(())
    }
}
