//! Elementary functions that the compiler turns into vector instructions.
//!
//! They are inlined into what [`vectorized`] compiles for the machine's widest registers. Only loops will do there:
//! a closure that an iterator's method is given may be compiled apart, for the least of machines.

use pulp::{Arch, Simd, WithSimd};

/// Partial results that are kept side by side: two or four vectors, which hides the latency of an addition.
const LANES: usize = 16;

/// Runs `loops`, compiled for the machine that it runs on. Its `with_simd` has to be `#[inline(always)]`.
pub(super) fn vectorized<L: WithSimd>(loops: L) -> L::Output {
    Arch::new().dispatch(loops)
}

/// `a * b + sum`, rounded once where that is one instruction.
#[inline(always)]
fn multiply_add<S: Simd>(a: f32, b: f32, sum: f32) -> f32 {
    if S::IS_SCALAR { a * b + sum } else { a.mul_add(b, sum) }
}

/// `e^x` to within two units in the last place; beyond -87 and 88 as there.
///
/// `x = n ln 2 + r` with `|r| <= ln 2 / 2`; a polynomial gives `e^r`, and `n` goes into the exponent's bits.
#[inline(always)]
pub(super) fn exp<S: Simd>(x: f32) -> f32 {
    // Adding it rounds to a whole number, which the lowest bits then hold.
    const ROUND: f32 = 12_582_912.0;
    // ln 2 in two parts, the first with trailing zeros, so that its products with n are exact.
    const LN2_HIGH: f32 = 0.693_359_4;
    const LN2_LOW: f32 = -2.121_944_4e-4;
    const SERIES: [f32; 6] = [1.0 / 120.0, 1.0 / 24.0, 1.0 / 6.0, 0.5, 1.0, 1.0];
    let x = x.clamp(-87.0, 88.0);
    let rounded = multiply_add::<S>(x, std::f32::consts::LOG2_E, ROUND);
    let n = rounded - ROUND;
    let r = multiply_add::<S>(n, -LN2_LOW, multiply_add::<S>(n, -LN2_HIGH, x));
    let mut p = 1.0 / 720.0;
    for term in SERIES {
        p = multiply_add::<S>(p, r, term);
    }
    p * f32::from_bits(rounded.to_bits().wrapping_add(127) << 23)
}

/// The tanh form of GELU: `x / (1 + exp(-2u))` with `u = sqrt(2/pi) (x + 0.044715 x^3)`.
#[inline(always)]
pub(super) fn gelu<S: Simd>(x: f32) -> f32 {
    const SCALE: f32 = -2.0 * 0.797_884_6;
    x / (1.0 + exp::<S>(SCALE * x * multiply_add::<S>(0.044_715 * x, x, 1.0)))
}

/// The largest number.
#[inline(always)]
pub(super) fn largest(numbers: &[f32]) -> f32 {
    let mut lanes = [f32::NEG_INFINITY; LANES];
    let chunks = numbers.chunks_exact(LANES);
    let rest = chunks.remainder();
    for chunk in chunks {
        for i in 0..LANES {
            lanes[i] = lanes[i].max(chunk[i]);
        }
    }
    let mut largest = f32::NEG_INFINITY;
    for x in lanes.iter().chain(rest) {
        largest = largest.max(*x);
    }
    largest
}

/// Replaces each `x` by `exp(x - shift)` and adds them up.
#[inline(always)]
pub(super) fn exp_and_sum<S: Simd>(numbers: &mut [f32], shift: f32) -> f32 {
    let mut lanes = [0f32; LANES];
    let mut chunks = numbers.chunks_exact_mut(LANES);
    for chunk in &mut chunks {
        for i in 0..LANES {
            let x = exp::<S>(chunk[i] - shift);
            chunk[i] = x;
            lanes[i] += x;
        }
    }
    let mut sum = 0.0;
    for x in chunks.into_remainder() {
        *x = exp::<S>(*x - shift);
        sum += *x;
    }
    for lane in lanes {
        sum += lane;
    }
    sum
}

#[cfg(test)]
mod tests {
    use pulp::Scalar;

    use super::*;

    #[test]
    fn exp_is_right_to_two_units_in_the_last_place() {
        for i in -8700..8800 {
            let x = i as f32 / 100.0;
            let exact = f64::from(x).exp();
            let error = (f64::from(exp::<Scalar>(x)) - exact).abs() / exact;
            assert!(error < 2.5e-7, "exp({x}) is off by {error:e}");
        }
        assert!(exp::<Scalar>(f32::NEG_INFINITY) < 1e-37 && exp::<Scalar>(f32::MAX) > 1e38);
        assert!(exp::<Scalar>(f32::NAN).is_nan());
    }

    #[test]
    fn gelu_is_the_tanh_form() {
        for i in -1200..1200 {
            let x = f64::from(i) / 100.0;
            let exact = 0.5 * x * (1.0 + ((2.0 / std::f64::consts::PI).sqrt() * (x + 0.044715 * x.powi(3))).tanh());
            let error = (f64::from(gelu::<Scalar>(x as f32)) - exact).abs();
            assert!(error < 1e-6 * (1.0 + x.abs()), "gelu({x}) is off by {error:e}");
        }
    }

    #[test]
    fn reductions_see_every_number() {
        for count in [1, 15, 16, 17, 100] {
            let mut numbers: Vec<f32> = (0..count).map(|i| -(i as f32)).collect();
            for at in 0..count {
                numbers[at] += 1000.0;
                assert_eq!(largest(&numbers), numbers[at]);
                numbers[at] -= 1000.0;
            }
            let exact: f64 = (0..count).map(|i| (-(i as f64)).exp()).sum();
            assert!((f64::from(exp_and_sum::<Scalar>(&mut numbers, 0.0)) - exact).abs() < 1e-6);
        }
    }
}
