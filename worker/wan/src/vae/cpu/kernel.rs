//! The innermost loop: a few rows of one matrix times sixteen columns of another.

use super::{LANES, multiply_add};

/// Rows of a full tile: with [`LANES`] columns the sums fill twelve of the sixteen AVX registers.
const ROWS: usize = 6;

/// `sums[i] = rows[i * stride ..][.. weights.len()] · weights`, for every row of `sums`.
#[inline(always)]
pub(super) fn product<const FUSED: bool>(
    rows: &[f32],
    stride: usize,
    weights: &[[f32; LANES]],
    sums: &mut [[f32; LANES]],
) {
    // Tiles of about the same height are faster than full ones and a small rest.
    let (count, tiles) = (sums.len(), sums.len().div_ceil(ROWS));
    for index in 0..tiles {
        let (first, end) = (index * count / tiles, (index + 1) * count / tiles);
        let (rows, sums) = (&rows[first * stride..], &mut sums[first..end]);
        match end - first {
            6 => tile::<6, FUSED>(rows, stride, weights, sums),
            5 => tile::<5, FUSED>(rows, stride, weights, sums),
            4 => tile::<4, FUSED>(rows, stride, weights, sums),
            3 => tile::<3, FUSED>(rows, stride, weights, sums),
            2 => tile::<2, FUSED>(rows, stride, weights, sums),
            _ => tile::<1, FUSED>(rows, stride, weights, sums),
        }
    }
}

// Written with indices and without a reference to the tile: only so does the compiler keep it in registers.
#[inline(always)]
fn tile<const M: usize, const FUSED: bool>(
    rows: &[f32],
    stride: usize,
    weights: &[[f32; LANES]],
    sums: &mut [[f32; LANES]],
) {
    let mut lines = [rows; M];
    for row in 0..M {
        lines[row] = &rows[row * stride..][..weights.len()];
    }
    let mut tile = [[0.0; LANES]; M];
    for (k, weights) in weights.iter().enumerate() {
        for row in 0..M {
            let factor = lines[row][k];
            for lane in 0..LANES {
                tile[row][lane] = multiply_add::<FUSED>(factor, weights[lane], tile[row][lane]);
            }
        }
    }
    for row in 0..M {
        sums[row] = tile[row];
    }
}
