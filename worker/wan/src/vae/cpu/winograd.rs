//! Winograd's minimal filtering F(2x2, 3x3): four outputs of a 3x3 kernel from sixteen products instead of 36.
//!
//! Lavin and Gray, "Fast Algorithms for Convolutional Neural Networks" (2015), section 4.1. All its factors are 1 and
//! 1/2, so that it is about as exact in f32 as the plain sum.
//!
//! Where the four outputs come from doubled pixels, the two inputs in the middle are the same pixel. Of the four
//! combinations in each direction one is then always zero, and nine products are enough.

use super::{GROUP, LANES, load, store};

/// Rows and columns of outputs.
pub(super) const OUTPUTS: usize = 2;
/// Rows and columns of inputs, and of products.
pub(super) const SIDE: usize = 4;
/// The same over doubled pixels.
pub(super) const DOUBLED_SIDE: usize = 3;

/// The combinations that are not zero over doubled pixels.
pub(super) const DOUBLED: [usize; DOUBLED_SIDE] = [0, 1, 3];

/// The factors of the products in rows and columns, from a kernel in row order.
pub(super) fn kernel(kernel: &[f32; 9]) -> [[f32; SIDE]; SIDE] {
    let spread = |[a, b, c]: [f32; 3]| [a, 0.5 * (a + b + c), 0.5 * (a - b + c), c];
    let columns = [0, 1, 2].map(|column| spread([kernel[column], kernel[3 + column], kernel[6 + column]]));
    [0, 1, 2, 3].map(|row| spread(columns.map(|column| column[row])))
}

/// The inputs of the products, from pixels of `depth` channels at `window`, whose rows lie `row` apart. Those of product
/// number `e` begin at `e * stride` of `out`.
#[inline(always)]
pub(super) fn inputs<const S: usize>(window: &[f32], row: usize, depth: usize, out: &mut [f32], stride: usize) {
    for channel in (0..depth).step_by(GROUP) {
        let mut half = [[[0.0; GROUP]; S]; S];
        for y in 0..S {
            let mut pixels = [[0.0; GROUP]; S];
            for x in 0..S {
                pixels[x] = load(window, y * row + x * depth + channel);
            }
            half[y] = spread(pixels);
        }
        for x in 0..S {
            let mut column = [[0.0; GROUP]; S];
            for y in 0..S {
                column[y] = half[y][x];
            }
            let column = spread(column);
            for y in 0..S {
                store(out, (y * S + x) * stride + channel, column[y]);
            }
        }
    }
}

/// The four outputs in row order, from products that lie `stride` apart.
#[inline(always)]
pub(super) fn outputs<const S: usize>(products: &[[f32; LANES]], stride: usize) -> [[f32; LANES]; OUTPUTS * OUTPUTS] {
    let mut left = [[0.0; LANES]; S];
    let mut right = [[0.0; LANES]; S];
    for y in 0..S {
        let mut row = [[0.0; LANES]; S];
        for x in 0..S {
            row[x] = products[(y * S + x) * stride];
        }
        [left[y], right[y]] = gather(row);
    }
    let ([a, c], [b, d]) = (gather(left), gather(right));
    [a, b, c, d]
}

#[inline(always)]
fn spread<const S: usize>(d: [[f32; GROUP]; S]) -> [[f32; GROUP]; S] {
    let mut spread = d;
    if S == DOUBLED_SIDE {
        spread[0] = subtract(d[0], d[1]);
        spread[1] = add(d[1], d[1]);
        spread[2] = subtract(d[1], d[2]);
    } else {
        spread[0] = subtract(d[0], d[2]);
        spread[1] = add(d[1], d[2]);
        spread[2] = subtract(d[2], d[1]);
        spread[3] = subtract(d[1], d[3]);
    }
    spread
}

#[inline(always)]
fn gather<const S: usize>(m: [[f32; LANES]; S]) -> [[f32; LANES]; OUTPUTS] {
    if S == DOUBLED_SIDE {
        [add(m[0], m[1]), subtract(m[1], m[2])]
    } else {
        [add(add(m[0], m[1]), m[2]), subtract(subtract(m[1], m[2]), m[3])]
    }
}

#[inline(always)]
fn add<const N: usize>(mut a: [f32; N], b: [f32; N]) -> [f32; N] {
    for lane in 0..N {
        a[lane] += b[lane];
    }
    a
}

#[inline(always)]
fn subtract<const N: usize>(mut a: [f32; N], b: [f32; N]) -> [f32; N] {
    for lane in 0..N {
        a[lane] -= b[lane];
    }
    a
}
