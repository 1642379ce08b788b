//! Convolution over frames, rows and columns as matrix products, without ever holding unfolded inputs of a whole frame.
//!
//! The output is cut into blocks. For each block the inputs are gathered once, pixel by pixel with all channels together,
//! and brought into the form in which an output is a plain sum over channels and frames: Winograd's products for 3x3,
//! the patch of pixels under the kernel otherwise. Neighbouring frames lie side by side, so the sum over frames is part
//! of the same product, and frames that are known to be zero are left out of it.

use rayon::prelude::*;

use crate::vae::shape::Shape;

use super::method::{Grid, Method};
use super::parallel::blocks;
use super::task::{Scratch, Task};
use super::{GROUP, LANES, run, winograd};

/// Blocks of work for each thread below which the output channels are divided among threads as well.
const SHARES: usize = 4;

/// A convolution whose weights are laid out for the products.
pub(in crate::vae) struct Convolution {
    pub(super) shape: Shape,
    pub(super) method: Method,
    /// `[outputs / LANES, products, taps, depth]`.
    pub(super) weights: Vec<[f32; LANES]>,
    /// `[outputs / LANES]`.
    pub(super) bias: Vec<[f32; LANES]>,
}

/// What a convolution goes over.
pub(in crate::vae) struct Input<'a> {
    /// Frames `[inputs, rows, columns]`; those that are missing are zero, and come before the others.
    pub(in crate::vae) frames: &'a [Option<&'a [f32]>],
    /// Rows and columns of a frame.
    pub(in crate::vae) size: (usize, usize),
    /// Frames from one output to the next.
    pub(in crate::vae) step: usize,
    /// What is added to the output, `[frames, outputs, rows, columns]`.
    pub(in crate::vae) residual: Option<&'a [f32]>,
}

impl Convolution {
    /// Lays out `weights` `[outputs, inputs, taps, size, size]` and `bias` `[outputs]`.
    pub(in crate::vae) fn new(shape: Shape, weights: &[f32], bias: &[f32]) -> Self {
        let method = Method::of(&shape);
        let tiles = shape.outputs.div_ceil(LANES);
        let per_tile = method.products() * shape.taps * method.depth(shape.inputs);
        let mut laid = vec![[0.0; LANES]; tiles * per_tile];
        let kernels = shape.inputs * shape.taps * shape.size * shape.size;
        let from = weights.par_chunks(LANES * kernels);
        laid.par_chunks_exact_mut(per_tile).zip(from).for_each(|(into, from)| {
            for (lane, output) in from.chunks_exact(kernels).enumerate() {
                lay(&shape, method, output, lane, into);
            }
        });
        let mut lanes = vec![[0.0; LANES]; tiles];
        for (output, bias) in bias.iter().enumerate() {
            lanes[output / LANES][output % LANES] = *bias;
        }
        Self { shape, method, weights: laid, bias: lanes }
    }

    /// The output, `[frames, outputs, rows, columns]`.
    pub(in crate::vae) fn forward(&self, input: &Input<'_>) -> Vec<f32> {
        let frames = (input.frames.len() - self.shape.taps) / input.step + 1;
        let present = input.frames.iter().flatten().count();
        let numbers = present * self.method.depth(self.shape.inputs);
        let grid = Grid::new(self.method, self.shape.output(input.size), numbers);
        let mut output = vec![0.0; frames * self.shape.outputs * grid.size.0 * grid.size.1];
        let tasks = self.tasks(input, &grid, frames, &mut output);
        tasks.into_par_iter().for_each_init(Scratch::default, |scratch, task| run(task.with(scratch)));
        output
    }

    /// Divides the output among tasks: blocks of pixels, and groups of channels where those would be too few.
    fn tasks<'a>(
        &'a self,
        input: &'a Input<'a>,
        grid: &'a Grid,
        frames: usize,
        output: &'a mut [f32],
    ) -> Vec<Task<'a>> {
        let blocks = blocks(output, grid.size, grid.block);
        let tiles = self.bias.len();
        let groups = (rayon::current_num_threads() * SHARES).div_ceil(blocks.len()).min(tiles);
        let per_group = tiles.div_ceil(groups);
        let mut tasks = Vec::with_capacity(blocks.len() * groups);
        for (block, lines) in blocks.into_iter().enumerate() {
            let first = tasks.len();
            let starts = (0..tiles).step_by(per_group);
            tasks.extend(starts.map(|tile| {
                let tiles = tile..tiles.min(tile + per_group);
                Task { convolution: self, input, grid, block, tiles, frames, lines: Vec::new() }
            }));
            let rows = grid.pixels(block).0.len();
            for (index, line) in lines.into_iter().enumerate() {
                let output = index / rows % self.shape.outputs;
                tasks[first + output / (per_group * LANES)].lines.push(line);
            }
        }
        tasks
    }
}

/// Lays out the kernels of one output channel, `[inputs, taps, size, size]`, as lane `lane` of `into`
/// `[products, taps, depth]`.
fn lay(shape: &Shape, method: Method, kernels: &[f32], lane: usize, into: &mut [[f32; LANES]]) {
    let (depth, channels) = (method.depth(shape.inputs), shape.inputs.next_multiple_of(GROUP));
    for (index, kernel) in kernels.chunks_exact(shape.size * shape.size).enumerate() {
        let (channel, tap) = (index / shape.taps, index % shape.taps);
        let mut put = |product: usize, at: usize, factor: f32| {
            into[(product * shape.taps + tap) * depth + at][lane] = factor;
        };
        match (method, <&[f32; 9]>::try_from(kernel)) {
            (Method::Winograd, Ok(kernel)) => {
                let factors = winograd::kernel(kernel).into_iter().flatten();
                factors.enumerate().for_each(|(product, factor)| put(product, channel, factor));
            }
            (Method::WinogradDoubled, Ok(kernel)) => {
                let factors = winograd::kernel(kernel);
                let factors =
                    winograd::DOUBLED.into_iter().flat_map(|row| winograd::DOUBLED.map(|column| factors[row][column]));
                factors.enumerate().for_each(|(product, factor)| put(product, channel, factor));
            }
            _ => kernel.iter().enumerate().for_each(|(at, factor)| put(0, at * channels + channel, *factor)),
        }
    }
}
