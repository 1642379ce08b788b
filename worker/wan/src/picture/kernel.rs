//! The weights by which pixels add up to a resized pixel.

use std::f64::consts::PI;

/// Bits behind the binary point of a weight: 32, less 8 for a byte, less 2 for a sum that overshoots or is negative.
pub(super) const PRECISION: u32 = 32 - 8 - 2;

/// How pixels are weighed by their distance.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Filter {
    /// Keys' cubic with a = -0.5, two pixels wide on each side.
    Bicubic,
    /// The sinc windowed by a wider sinc, three pixels wide on each side.
    Lanczos3,
}

impl Filter {
    fn radius(self) -> f64 {
        match self {
            Self::Bicubic => 2.0,
            Self::Lanczos3 => 3.0,
        }
    }

    /// The weight at `distance`, in pixels of whichever picture is coarser.
    fn weight(self, distance: f64) -> f64 {
        match self {
            Self::Bicubic => keys(distance.abs()),
            Self::Lanczos3 if (-3.0..3.0).contains(&distance) => sinc(distance) * sinc(distance / 3.0),
            Self::Lanczos3 => 0.0,
        }
    }
}

fn keys(x: f64) -> f64 {
    const A: f64 = -0.5;
    if x < 1.0 {
        ((A + 2.0) * x - (A + 3.0)) * x * x + 1.0
    } else if x < 2.0 {
        (((x - 5.0) * x + 8.0) * x - 4.0) * A
    } else {
        0.0
    }
}

fn sinc(x: f64) -> f64 {
    if x == 0.0 { 1.0 } else { (x * PI).sin() / (x * PI) }
}

/// The pixels that make one resized pixel: where they start, and their weights as fixed-point numbers.
pub(super) struct Taps {
    pub(super) first: usize,
    pub(super) weights: Vec<i32>,
}

/// The taps of each of the `to` pixels that a line of `from` pixels is resized to.
pub(super) fn taps(from: usize, to: usize, filter: Filter) -> Vec<Taps> {
    let scale = from as f64 / to as f64;
    let widened = scale.max(1.0);
    let support = filter.radius() * widened;
    let of = |number: usize| {
        let centre = (number as f64 + 0.5) * scale;
        let first = ((centre - support + 0.5) as usize).min(from);
        let end = ((centre + support + 0.5) as usize).min(from);
        let places = (first..end).map(|place| (place as f64 - centre + 0.5) * widened.recip());
        let weights: Vec<f64> = places.map(|distance| filter.weight(distance)).collect();
        let sum: f64 = weights.iter().sum();
        let one = f64::from(1 << PRECISION);
        Taps { first, weights: weights.iter().map(|weight| (weight / sum * one).round() as i32).collect() }
    };
    (0..to).map(of).collect()
}

#[cfg(test)]
mod tests {
    use super::{Filter, PRECISION, taps};

    #[test]
    fn the_weights_of_every_pixel_add_up_to_one() {
        for (from, to) in [(7, 3), (3, 7), (100, 1), (1, 5), (640, 832)] {
            for filter in [Filter::Bicubic, Filter::Lanczos3] {
                for tap in taps(from, to, filter) {
                    let sum: i32 = tap.weights.iter().sum();
                    assert!((sum - (1 << PRECISION)).abs() <= tap.weights.len() as i32, "{from} to {to}: {sum}");
                    assert!(tap.first + tap.weights.len() <= from);
                }
            }
        }
    }

    #[test]
    fn no_sum_of_bytes_overflows_whatever_the_sizes() {
        let most = (i32::MAX - (1 << (PRECISION - 1))) / 255;
        for (from, to) in (1..40).flat_map(|from| (1..200).map(move |to| (from, to))) {
            for filter in [Filter::Bicubic, Filter::Lanczos3] {
                let sums =
                    taps(from, to, filter).into_iter().map(|tap| tap.weights.iter().map(|w| w.abs()).sum::<i32>());
                assert!(sums.max() < Some(most), "{from} to {to}");
            }
        }
    }

    #[test]
    fn keys_cubic_doubles_a_line_with_the_known_weights() {
        // At distances 1.75, 0.75, 0.25 and 1.25: -0.0234375, 0.2265625, 0.8671875, -0.0703125.
        let weights: Vec<f64> =
            taps(8, 16, Filter::Bicubic)[8].weights.iter().map(|w| f64::from(*w) / f64::from(1 << PRECISION)).collect();
        assert_eq!(weights, [-0.0234375, 0.2265625, 0.8671875, -0.0703125]);
    }

    #[test]
    fn a_line_of_the_same_length_is_itself() {
        for filter in [Filter::Bicubic, Filter::Lanczos3] {
            for (place, tap) in taps(9, 9, filter).iter().enumerate() {
                for (offset, weight) in tap.weights.iter().enumerate() {
                    assert_eq!(*weight, if tap.first + offset == place { 1 << PRECISION } else { 0 });
                }
            }
        }
    }
}
