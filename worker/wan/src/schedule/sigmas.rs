//! The noise levels of the steps.

/// Levels `s` from (nearly) 1 down to 0, and the timesteps that the network is told for them.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Sigmas {
    /// The level of each step and, last, 0.
    pub(super) sigmas: Vec<f64>,
    /// The timestep of each step.
    pub(super) timesteps: Vec<f64>,
}

impl Sigmas {
    /// `count` levels as UniPC has them: evenly spaced but for the last, shifted; timesteps are whole numbers.
    ///
    /// Levels have the precision of f32, as the weights were published with: close to 1 it decides `ln(1 - s)`.
    pub(super) fn unipc(count: usize, shift: f64) -> Self {
        let spaced = |i: usize| shifted(1.0 - (1.0 - 1.0 / 1000.0) * i as f64 / count as f64, shift);
        let mut sigmas: Vec<f64> = (0..count).map(spaced).collect();
        if (sigmas[0] - 1.0).abs() < 1e-6 {
            sigmas[0] -= 1e-6;
        }
        let timesteps = sigmas.iter().map(|sigma| (1000.0 * sigma).trunc()).collect();
        Self { sigmas: ended(sigmas.into_iter().map(|sigma| f64::from(sigma as f32))), timesteps }
    }

    /// `count` levels as flow-matching Euler has them: evenly spaced between shifted ends, and shifted again.
    pub(super) fn euler(count: usize, shift: f64) -> Self {
        let low = shifted(1.0 / 1000.0, shift);
        let steps = count.saturating_sub(1).max(1) as f64;
        Self::new((0..count).map(|i| shifted(1.0 + (low - 1.0) * i as f64 / steps, shift)).collect())
    }

    /// A level for each timestep of a distilled model, shifted once.
    pub(super) fn distilled(steps: &[f64], shift: f64) -> Self {
        Self::new(steps.iter().map(|step| shifted(step / 1000.0, shift)).collect())
    }

    fn new(sigmas: Vec<f64>) -> Self {
        let timesteps = sigmas.iter().map(|sigma| 1000.0 * sigma).collect();
        Self { sigmas: ended(sigmas.into_iter()), timesteps }
    }

    /// The levels at which step `i` begins and ends.
    pub(super) fn step(&self, i: usize) -> Option<[f64; 2]> {
        Some([*self.sigmas.get(i)?, *self.sigmas.get(i + 1)?])
    }
}

/// Moves a level towards 1 for shifts above 1.
fn shifted(sigma: f64, shift: f64) -> f64 {
    shift * sigma / (1.0 + (shift - 1.0) * sigma)
}

fn ended(sigmas: impl Iterator<Item = f64>) -> Vec<f64> {
    sigmas.chain([0.0]).collect()
}
