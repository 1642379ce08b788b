//! UniPC, a multistep predictor-corrector (Zhao et al. 2023, arXiv:2302.04867), in its B2 form of second order over
//! predicted videos.
//!
//! With `m_a` the video predicted at level `s_a` and `h` the step of `lambda = ln((1 - s) / s)`, a step is
//! `x_b = s_b / s_a x_a + (1 - s_b) (1 - exp(-h)) (m_a + D)`, where `D` is made of differences of predicted videos.
//! When a step's end gets a prediction of its own, the step is done again with that in `D` before the next is begun.

use candle_core::{Result, Tensor};

use super::sigmas::Sigmas;

/// The solver and what it remembers.
#[derive(Debug)]
pub(super) struct UniPc {
    levels: Vec<f64>,
    last: Option<Step>,
}

/// A step that was taken.
#[derive(Debug)]
struct Step {
    /// The latents at its begin, corrected.
    begin: Tensor,
    /// The video predicted there.
    video: Tensor,
    /// The video predicted one step earlier, where the step made use of it.
    earlier: Option<Tensor>,
}

/// The scalars of the way between two levels.
struct Way {
    h: f64,
    ratio: f64,
    gain: f64,
}

impl UniPc {
    pub(super) fn new(levels: &Sigmas) -> Self {
        Self { levels: levels.sigmas.clone(), last: None }
    }

    /// Goes from step `i` to the next with the velocity `v` at `x`. Step 0 starts anew.
    pub(super) fn step(&mut self, i: usize, x: &Tensor, v: &Tensor) -> Result<Tensor> {
        let video = (x - (v * self.levels[i])?)?;
        let last = self.last.take().filter(|_| i > 0);
        let begin = match &last {
            Some(step) => self.correct(i, step, &video)?,
            None => x.clone(),
        };
        let ends = i + 2 == self.levels.len();
        if ends {
            return Ok(video);
        }
        let step = Step { begin, video, earlier: last.map(|step| step.video) };
        let next = self.predict(i, &step)?;
        self.last = Some(step);
        Ok(next)
    }

    /// The latents at level `i + 1`, with `D` of the last two predictions.
    fn predict(&self, i: usize, step: &Step) -> Result<Tensor> {
        let way = self.way(i, i + 1);
        match &step.earlier {
            None => way.go(step, None),
            Some(earlier) => {
                let r = self.way(i, i - 1).h / way.h;
                way.go(step, Some(((earlier - &step.video)? / (2.0 * r))?))
            }
        }
    }

    /// The latents at level `i` again, with `D` of the prediction there, too.
    fn correct(&self, i: usize, step: &Step, video: &Tensor) -> Result<Tensor> {
        let way = self.way(i - 1, i);
        let ahead = (video - &step.video)?;
        let Some(earlier) = &step.earlier else { return way.go(step, Some((ahead / 2.0)?)) };
        let r = self.way(i - 1, i - 2).h / way.h;
        let (back, front) = way.weights(r);
        let behind = (earlier - &step.video)?;
        way.go(step, Some(((behind * (back / r))? + (ahead * front)?)?))
    }

    fn way(&self, from: usize, to: usize) -> Way {
        let (a, b) = (self.levels[from], self.levels[to]);
        let h = lambda(b) - lambda(a);
        Way { h, ratio: b / a, gain: -(1.0 - b) * (-h).exp_m1() }
    }
}

impl Way {
    fn go(&self, step: &Step, correction: Option<Tensor>) -> Result<Tensor> {
        let video = match correction {
            Some(correction) => (&step.video + correction)?,
            None => step.video.clone(),
        };
        (&step.begin * self.ratio)? + (video * self.gain)?
    }

    /// The weights of the differences behind and ahead that make the corrector exact to second order; `r` is the step
    /// behind in units of this one.
    fn weights(&self, r: f64) -> (f64, f64) {
        let e = (-self.h).exp_m1();
        let g = e / -self.h - 1.0;
        let (first, second) = (g / e, 2.0 * (g / -self.h - 0.5) / e);
        let behind = (first - second) / (1.0 - r);
        (behind, first - behind)
    }
}

/// Half the logarithm of the signal-to-noise ratio, twice.
fn lambda(level: f64) -> f64 {
    (1.0 - level).ln() - level.ln()
}
