//! Attention that works on the tensors as they lie, and never holds more scores than a few rows of one head.

use candle_core::{CpuStorage, CustomOp3, Layout, Result, Shape, Tensor};
use pulp::{Simd, WithSimd};
use rayon::prelude::*;

use super::gemm::{Matrix, multiply};
use super::simd::{exp_and_sum, largest, vectorized};

/// The most queries that a thread takes at a time: enough that laying out the keys for the product costs little, and
/// few enough that their scores stay in the cache.
const BLOCK: usize = 128;

/// `softmax(q k^T / sqrt(head)) v` of `[queries, heads, head]` and twice `[keys, heads, head]`; the result is
/// `[queries, heads * head]`.
pub(in crate::dit) fn attend(q: &Tensor, k: &Tensor, v: &Tensor) -> Result<Tensor> {
    q.contiguous()?.apply_op3_no_bwd(&k.contiguous()?, &v.contiguous()?, &Attend)
}

struct Attend;

impl CustomOp3 for Attend {
    fn name(&self) -> &'static str {
        "attend"
    }

    fn cpu_fwd(
        &self,
        q: &CpuStorage,
        q_layout: &Layout,
        k: &CpuStorage,
        k_layout: &Layout,
        v: &CpuStorage,
        v_layout: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        let (queries, count, size) = q_layout.shape().dims3()?;
        let (keys, ..) = k_layout.shape().dims3()?;
        if k_layout.dims() != [keys, count, size] || v_layout.shape() != k_layout.shape() {
            candle_core::bail!("{:?} cannot attend to {:?} and {:?}", q_layout.dims(), k_layout.dims(), v_layout.dims())
        }
        let (q, k, v) = (super::numbers(q, q_layout)?, super::numbers(k, k_layout)?, super::numbers(v, v_layout)?);
        let heads = Heads { k, v, keys, count, size };
        let mut out = vec![0f32; q.len()];
        let block = block(queries) * heads.width();
        out.par_chunks_mut(block).zip(q.par_chunks(block)).for_each_init(Vec::new, |scores, (out, q)| {
            for i in 0..count {
                heads.attend(i, q, out, scores);
            }
        });
        Ok((CpuStorage::F32(out), (queries, heads.width()).into()))
    }
}

/// How many queries are taken at a time, so that all threads get about the same number of blocks.
fn block(queries: usize) -> usize {
    let blocks = queries.div_ceil(BLOCK).next_multiple_of(rayon::current_num_threads());
    queries.div_ceil(blocks).max(1)
}

/// Keys and values of all heads.
struct Heads<'a> {
    k: &'a [f32],
    v: &'a [f32],
    keys: usize,
    count: usize,
    size: usize,
}

impl Heads<'_> {
    /// From one token to the next.
    fn width(&self) -> usize {
        self.count * self.size
    }

    /// Lets head `i` of the queries `q` attend.
    fn attend(&self, i: usize, q: &[f32], out: &mut [f32], scores: &mut Vec<f32>) {
        let (keys, size, width, start) = (self.keys, self.size, self.width(), i * self.size);
        let rows = q.len() / width;
        scores.resize(rows * keys, 0.0);
        let out = &mut out[start..];
        let [q, k, v] = [(q, rows), (self.k, keys), (self.v, keys)]
            .map(|(numbers, rows)| Matrix::new(&numbers[start..], rows, size, width));

        multiply(Matrix::new(scores, rows, keys, keys), 1.0 / (size as f32).sqrt(), q, k.transposed());
        let sums: Vec<f32> = scores.chunks_exact_mut(keys).map(|row| vectorized(Exponentials(row))).collect();
        multiply(Matrix::new(out, rows, size, width), 1.0, Matrix::new(scores, rows, keys, keys), v);
        for (row, sum) in out.chunks_mut(width).zip(sums) {
            for x in &mut row[..size] {
                *x /= sum;
            }
        }
    }
}

/// Replaces a row's scores by their exponentials relative to the largest, and gives their sum.
struct Exponentials<'a>(&'a mut [f32]);

impl WithSimd for Exponentials<'_> {
    type Output = f32;

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) -> f32 {
        let shift = largest(self.0);
        exp_and_sum::<S>(self.0, shift)
    }
}
