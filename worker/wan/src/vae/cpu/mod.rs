//! The autoencoder's work on the CPU in f32, where the tensor library's own convolution spends its time in copies.
//!
//! A convolution is a batch of matrix products between small blocks that stay in the cache: see [`convolution`].

#![allow(
    clippy::manual_memcpy,
    clippy::needless_range_loop,
    reason = "loops over indices of a constant length are what the compiler unrolls into vector instructions"
)]

pub(super) mod convolution;
mod gather;
mod kernel;
mod method;
pub(super) mod norm;
mod parallel;
mod task;
pub(super) mod tensor;
mod winograd;

/// Output channels that are computed at a time: two AVX registers.
const LANES: usize = 16;
/// Input channels that are gathered and transformed at a time: one AVX register.
const GROUP: usize = 8;

/// Work that gains from being compiled for the processor it runs on.
trait Work {
    /// Does it. `FUSED` says that multiply-and-add is one instruction.
    fn run<const FUSED: bool>(self);
}

/// Does `work` with AVX2 and FMA where the processor has them.
fn run(work: impl Work) {
    #[cfg(target_arch = "x86_64")]
    if std::arch::is_x86_feature_detected!("avx2") && std::arch::is_x86_feature_detected!("fma") {
        #[expect(unsafe_code, reason = "the processor has just been asked for the features")]
        // SAFETY: both features that the function is compiled for are there.
        return unsafe { run_wide(work) };
    }
    work.run::<{ cfg!(target_arch = "aarch64") }>();
}

/// Everything inlined into this is compiled for AVX2 and FMA.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma")]
fn run_wide(work: impl Work) {
    work.run::<true>();
}

/// `a * b + sum`, in one rounding where that is one instruction.
#[inline(always)]
fn multiply_add<const FUSED: bool>(a: f32, b: f32, sum: f32) -> f32 {
    if FUSED { a.mul_add(b, sum) } else { a * b + sum }
}

/// The group of numbers that starts at `from`.
#[inline(always)]
fn load(numbers: &[f32], from: usize) -> [f32; GROUP] {
    let numbers = &numbers[from..from + GROUP];
    let mut group = [0.0; GROUP];
    for lane in 0..GROUP {
        group[lane] = numbers[lane];
    }
    group
}

/// Puts a group of numbers where `to` starts.
#[inline(always)]
fn store(numbers: &mut [f32], to: usize, group: [f32; GROUP]) {
    let numbers = &mut numbers[to..to + GROUP];
    for lane in 0..GROUP {
        numbers[lane] = group[lane];
    }
}
