//! One block of a convolution's output: gather, multiply, scatter.

use std::ops::Range;

use super::convolution::{Convolution, Input};
use super::gather::Planes;
use super::kernel::product;
use super::method::{Grid, Method};
use super::{GROUP, LANES, Work, winograd};

/// A block of the output, of some of its channels.
pub(super) struct Task<'a> {
    pub(super) convolution: &'a Convolution,
    pub(super) input: &'a Input<'a>,
    pub(super) grid: &'a Grid,
    pub(super) block: usize,
    /// Tiles of output channels.
    pub(super) tiles: Range<usize>,
    /// Frames of the output.
    pub(super) frames: usize,
    /// Where the output goes, `[frames, channels of the tiles, rows of the block]`.
    pub(super) lines: Vec<&'a mut [f32]>,
}

/// What a thread keeps from task to task.
#[derive(Default)]
pub(super) struct Scratch {
    /// The block's inputs of one frame, `[rows, columns, channels]`.
    window: Vec<f32>,
    /// `[products, cells, frames, depth]`.
    gathered: Vec<f32>,
    /// `[tiles, frames, products, cells]`.
    sums: Vec<[f32; LANES]>,
    /// `[rows, columns]` of one tile and frame.
    pixels: Vec<[f32; LANES]>,
}

impl<'a> Task<'a> {
    /// The task with a place to do it in.
    pub(super) fn with<'b>(self, scratch: &'b mut Scratch) -> Bench<'a, 'b> {
        let missing = self.input.frames.iter().take_while(|frame| frame.is_none()).count();
        let (rows, columns) = self.grid.cells(self.block);
        let depth = self.convolution.method.depth(self.convolution.shape.inputs);
        Bench { present: self.input.frames.len() - missing, missing, depth, rows, columns, task: self, scratch }
    }
}

/// A task at work.
pub(super) struct Bench<'a, 'b> {
    task: Task<'a>,
    scratch: &'b mut Scratch,
    /// Frames of the input that are zero.
    missing: usize,
    /// Frames of the input that are not.
    present: usize,
    depth: usize,
    /// Cells of the block.
    rows: Range<usize>,
    columns: Range<usize>,
}

impl Work for Bench<'_, '_> {
    #[inline(always)]
    fn run<const FUSED: bool>(mut self) {
        self.gather();
        self.multiply::<FUSED>();
        for index in 0..self.task.tiles.len() * self.task.frames {
            match self.task.convolution.method {
                Method::Winograd => self.combine::<{ winograd::SIDE }>(index),
                Method::WinogradDoubled => self.combine::<{ winograd::DOUBLED_SIDE }>(index),
                Method::Patch { .. } => self.copy(index),
            }
            self.scatter(index / self.task.frames, index % self.task.frames);
        }
    }
}

impl Bench<'_, '_> {
    fn cells(&self) -> usize {
        self.rows.len() * self.columns.len()
    }

    /// Fills `gathered` from all frames of the input.
    #[inline(always)]
    fn gather(&mut self) {
        let Convolution { shape, method, .. } = self.task.convolution;
        let (rows, columns) = (method.inputs(&self.rows), method.inputs(&self.columns));
        let channels = shape.inputs.next_multiple_of(GROUP);
        let line = columns.len() * channels;
        let (each, pixel) = (self.cells() * self.present * self.depth, self.present * self.depth);
        let Scratch { window, gathered, .. } = &mut *self.scratch;
        window.resize(rows.len() * line, 0.0);
        gathered.resize(method.products() * each, 0.0);
        for (slot, numbers) in self.task.input.frames.iter().flatten().enumerate() {
            let (high, wide) = self.task.input.size;
            let planes = Planes { numbers, channels: shape.inputs, rows: high, columns: wide };
            if shape.size == 1 {
                planes.window(&rows, &columns, (channels, pixel), &mut gathered[slot * self.depth..]);
                continue;
            }
            planes.window(&rows, &columns, (channels, channels), window);
            for cell in 0..self.rows.len() * self.columns.len() {
                let (row, column) = (cell / self.columns.len(), cell % self.columns.len());
                let from = &window[(row * line + column * channels) * method.step()..];
                let into = &mut gathered[cell * pixel + slot * self.depth..];
                match method {
                    Method::Winograd => winograd::inputs::<{ winograd::SIDE }>(from, line, channels, into, each),
                    Method::WinogradDoubled => {
                        winograd::inputs::<{ winograd::DOUBLED_SIDE }>(from, line, channels, into, each);
                    }
                    Method::Patch { size, .. } => {
                        for (row, into) in into[..self.depth].chunks_exact_mut(size * channels).enumerate() {
                            into.copy_from_slice(&from[row * line..][..size * channels]);
                        }
                    }
                }
            }
        }
    }

    /// Fills `sums`: product by product, so that the inputs of one stay in the cache for all tiles and frames.
    #[inline(always)]
    fn multiply<const FUSED: bool>(&mut self) {
        let Convolution { shape, method, weights, .. } = self.task.convolution;
        let (cells, frames, products) = (self.cells(), self.task.frames, method.products());
        let Scratch { gathered, sums, .. } = &mut *self.scratch;
        sums.resize(self.task.tiles.len() * frames * products * cells, [0.0; LANES]);
        for index in 0..products {
            for (tile, sums) in self.task.tiles.clone().zip(sums.chunks_exact_mut(frames * products * cells)) {
                let weights =
                    &weights[(tile * products + index) * shape.taps * self.depth..][..shape.taps * self.depth];
                for (frame, sums) in sums.chunks_exact_mut(products * cells).enumerate() {
                    let first = frame * self.task.input.step;
                    let skipped = self.missing.saturating_sub(first).min(shape.taps);
                    let rows = index * cells * self.present + (first + skipped).saturating_sub(self.missing);
                    let (rows, weights) = (&gathered[rows * self.depth..], &weights[skipped * self.depth..]);
                    product::<FUSED>(rows, self.present * self.depth, weights, &mut sums[index * cells..][..cells]);
                }
            }
        }
    }

    /// Fills `pixels` from the sums of one tile and frame, where a cell is one pixel.
    #[inline(always)]
    fn copy(&mut self, index: usize) {
        let cells = self.cells();
        self.scratch.pixels.clear();
        self.scratch.pixels.extend_from_slice(&self.scratch.sums[index * cells..][..cells]);
    }

    /// Fills `pixels` from the sums of one tile and frame, where a cell is four.
    #[inline(always)]
    fn combine<const S: usize>(&mut self, index: usize) {
        let (cells, columns) = (self.cells(), self.columns.len());
        let Scratch { sums, pixels, .. } = &mut *self.scratch;
        let sums = &sums[index * S * S * cells..][..S * S * cells];
        pixels.resize(cells * winograd::OUTPUTS * winograd::OUTPUTS, [0.0; LANES]);
        let line = columns * winograd::OUTPUTS;
        for cell in 0..cells {
            let corner = cell / columns * winograd::OUTPUTS * line + cell % columns * winograd::OUTPUTS;
            let [a, b, c, d] = winograd::outputs::<S>(&sums[cell..], cells);
            pixels[corner] = a;
            pixels[corner + 1] = b;
            pixels[corner + line] = c;
            pixels[corner + line + 1] = d;
        }
    }

    /// Writes `pixels` to the planes of their channels, with the bias and what is to be added.
    #[inline(always)]
    fn scatter(&mut self, tile: usize, frame: usize) {
        let Convolution { shape, method, bias, .. } = self.task.convolution;
        let (high, wide) = self.task.grid.size;
        let (rows, columns) = self.task.grid.pixels(self.task.block);
        let width = self.columns.len() * method.cell();
        let start = self.task.tiles.start * LANES;
        let channels = shape.outputs.min(self.task.tiles.end * LANES) - start;
        let tile = self.task.tiles.start + tile;
        for output in (tile * LANES..shape.outputs).take(LANES) {
            let (lane, bias) = (output % LANES, bias[tile][output % LANES]);
            let first = (frame * channels + output - start) * rows.len();
            let lines = self.task.lines[first..][..rows.len()].iter_mut();
            for ((line, row), pixels) in lines.zip(rows.clone()).zip(self.scratch.pixels.chunks_exact(width)) {
                match self.task.input.residual {
                    None => line.iter_mut().zip(pixels).for_each(|(to, pixel)| *to = pixel[lane] + bias),
                    Some(residual) => {
                        let from = ((frame * shape.outputs + output) * high + row) * wide + columns.start;
                        for ((to, pixel), residual) in line.iter_mut().zip(pixels).zip(&residual[from..]) {
                            *to = pixel[lane] + bias + residual;
                        }
                    }
                }
            }
        }
    }
}
