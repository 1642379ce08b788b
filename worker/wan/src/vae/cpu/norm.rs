//! The normalisation over channels, with or without SiLU after it, in one pass over memory.

use rayon::prelude::*;

use crate::vae::norm::SMALLEST;

use super::parallel::blocks;
use super::{Work, multiply_add, run};

/// Pixels of a block: all channels of so many fit the cache.
const PIXELS: usize = 256;

/// `x / max(|x|, 1e-12) * sqrt(C) * gamma` over the channels of each pixel of `x` `[T, C, pixels]`.
pub(in crate::vae) fn rms(x: &[f32], gamma: &[f32], pixels: usize, silu: bool) -> Vec<f32> {
    let mut y = vec![0.0; x.len()];
    let channels = gamma.len();
    // Each frame is a plane whose lines are channels.
    let frame = blocks(&mut y, (channels, pixels), (channels, PIXELS));
    frame.into_par_iter().enumerate().for_each(|(block, lines)| {
        let first = block * PIXELS;
        run(Norm { x, gamma, pixels, first, lines, silu });
    });
    y
}

struct Norm<'a, 'b> {
    x: &'a [f32],
    gamma: &'a [f32],
    pixels: usize,
    /// The block's first pixel.
    first: usize,
    /// The block's lines of the output, `[T, C]`.
    lines: Vec<&'b mut [f32]>,
    silu: bool,
}

impl Work for Norm<'_, '_> {
    #[inline(always)]
    fn run<const FUSED: bool>(mut self) {
        let channels = self.gamma.len();
        for (frame, lines) in self.lines.chunks_exact_mut(channels).enumerate() {
            let width = lines[0].len();
            let from = |channel: usize| &self.x[(frame * channels + channel) * self.pixels + self.first..][..width];
            let mut factors = [0.0; PIXELS];
            for channel in 0..channels {
                for (square, x) in factors.iter_mut().zip(from(channel)) {
                    *square = multiply_add::<FUSED>(*x, *x, *square);
                }
            }
            let scale = (channels as f32).sqrt();
            for factor in &mut factors {
                *factor = scale / factor.sqrt().max(SMALLEST);
            }
            for (channel, line) in lines.iter_mut().enumerate() {
                let gamma = self.gamma[channel];
                for ((y, x), factor) in line.iter_mut().zip(from(channel)).zip(&factors) {
                    *y = x * factor * gamma;
                }
                if self.silu {
                    line.iter_mut().for_each(|y| *y /= 1.0 + exponential::<FUSED>(-*y));
                }
            }
        }
    }
}

/// `e^x` to about the last bit, between e^-87 and e^88, without a branch or a call.
#[inline(always)]
fn exponential<const FUSED: bool>(x: f32) -> f32 {
    /// Added to a small number, it leaves the nearest integer in the lowest bits.
    const ROUND: f32 = 12_582_912.0;
    /// The logarithm of 2 in two parts, so that small multiples of the first are exact.
    const LN_2: [f32; 2] = [0.693_359_4, -2.121_944_4e-4];
    /// Taylor's series, from the seventh power down: on half of [0, ln 2] the next term is below 1e-8.
    const SERIES: [f32; 7] = [1.0 / 5040.0, 1.0 / 720.0, 1.0 / 120.0, 1.0 / 24.0, 1.0 / 6.0, 0.5, 1.0];
    let x = x.clamp(-87.0, 88.0);
    let rounded = multiply_add::<FUSED>(x, std::f32::consts::LOG2_E, ROUND);
    let power = f32::from_bits((rounded.to_bits() << 23).wrapping_add(1.0_f32.to_bits()));
    let whole = rounded - ROUND;
    let rest = multiply_add::<FUSED>(whole, -LN_2[1], multiply_add::<FUSED>(whole, -LN_2[0], x));
    let series = SERIES.iter().fold(0.0, |sum, factor| multiply_add::<FUSED>(sum, rest, *factor));
    multiply_add::<FUSED>(series, rest, 1.0) * power
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_exponential_is_right_to_the_last_bits() {
        for step in -8700..8800 {
            let x = step as f32 / 100.0;
            let right = f64::from(x).exp();
            for value in [exponential::<true>(x), exponential::<false>(x)] {
                assert!((f64::from(value) / right - 1.0).abs() < 2e-7, "e^{x} = {value}");
            }
        }
    }

    #[test]
    fn a_norm_of_two_pixels_is_the_one_done_by_hand() {
        // Pixel (3, 4) has the norm 5, pixel (0, 0) stays zero.
        let x = [3.0, 0.0, 4.0, 0.0];
        let y = rms(&x, &[1.0, 2.0], 2, false);
        let root = 2.0_f32.sqrt();
        for (y, right) in y.iter().zip([0.6 * root, 0.0, 1.6 * root, 0.0]) {
            assert!((y - right).abs() < 1e-6, "{y} is not {right}");
        }
        let y = rms(&x, &[1.0, 2.0], 2, true);
        let silu = |x: f32| x / (1.0 + (-x).exp());
        assert!((y[0] - silu(0.6 * root)).abs() < 1e-6, "{}", y[0]);
        assert_eq!(y[1], 0.0);
    }
}
