//! How a convolution becomes products, and how its output is cut into blocks whose numbers stay in the cache.

use std::ops::Range;

use crate::vae::shape::{Sampling, Shape};

use super::{GROUP, winograd};

/// Bytes of the inputs of one product of a block, about: they are used for every output channel, and have to stay in a
/// second-level cache of half a megabyte.
const BYTES: usize = 1 << 18;
/// Cells of a block, at most, for convolutions of few channels.
const CELLS: usize = 128;

/// How the pixels of a cell are computed from the pixels around it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Method {
    /// A cell of 2x2 pixels by sixteen products.
    Winograd,
    /// The same by nine products, for cells that each stand for one doubled pixel.
    WinogradDoubled,
    /// A cell of one pixel, as the product of the patch under the kernel with the kernel.
    Patch { size: usize, step: usize },
}

impl Method {
    /// The one with the fewest products.
    pub(super) fn of(shape: &Shape) -> Self {
        match (shape.size, shape.sampling) {
            (3, Sampling::Same) => Self::Winograd,
            (3, Sampling::Doubled) => Self::WinogradDoubled,
            (size, Sampling::Halved) => Self::Patch { size, step: 2 },
            (size, _) => Self::Patch { size, step: 1 },
        }
    }

    /// Products for one cell.
    pub(super) fn products(self) -> usize {
        match self {
            Self::Winograd => winograd::SIDE * winograd::SIDE,
            Self::WinogradDoubled => winograd::DOUBLED_SIDE * winograd::DOUBLED_SIDE,
            Self::Patch { .. } => 1,
        }
    }

    /// Numbers that one frame puts into each product of a cell, from `inputs` channels.
    pub(super) fn depth(self, inputs: usize) -> usize {
        let channels = inputs.next_multiple_of(GROUP);
        match self {
            Self::Patch { size, .. } => channels * size * size,
            _ => channels,
        }
    }

    /// Rows and columns of pixels of a cell.
    pub(super) fn cell(self) -> usize {
        if matches!(self, Self::Patch { .. }) { 1 } else { winograd::OUTPUTS }
    }

    /// Input rows or columns from one cell to the next.
    pub(super) fn step(self) -> usize {
        match self {
            Self::Winograd => winograd::OUTPUTS,
            Self::WinogradDoubled => 1,
            Self::Patch { step, .. } => step,
        }
    }

    /// The input rows or columns that `cells` are made from; some may lie outside.
    pub(super) fn inputs(self, cells: &Range<usize>) -> Range<isize> {
        let (before, count) = match self {
            Self::Winograd => (1, winograd::SIDE),
            Self::WinogradDoubled => (1, winograd::DOUBLED_SIDE),
            // A halved frame is filled up below and to the right only.
            Self::Patch { step: 2, size } => (0, size),
            Self::Patch { size, .. } => (size / 2, size),
        };
        let first = |cell: usize| (cell * self.step()) as isize - before as isize;
        first(cells.start)..first(cells.end - 1) + count as isize
    }
}

/// The output of a convolution in blocks of cells.
#[derive(Debug, Clone, Copy)]
pub(super) struct Grid {
    /// Rows and columns of the output.
    pub(super) size: (usize, usize),
    /// Rows and columns of a block, where the edge does not cut it.
    pub(super) block: (usize, usize),
    cell: usize,
}

impl Grid {
    /// Cuts an output of `size` rows and columns, of which each cell takes `numbers` inputs in each product.
    pub(super) fn new(method: Method, size: (usize, usize), numbers: usize) -> Self {
        let cell = method.cell();
        let cells = (BYTES / size_of::<f32>() / numbers).clamp(1, CELLS);
        // Rather wide than high, for pixels in a row lie side by side in memory.
        let columns = evenly(size.1.div_ceil(cell), (2 * cells).isqrt());
        let rows = evenly(size.0.div_ceil(cell), cells / columns);
        Self { size, block: (rows * cell, columns * cell), cell }
    }

    /// The rows and columns of block number `index`; the numbers run along the rows.
    pub(super) fn pixels(&self, index: usize) -> (Range<usize>, Range<usize>) {
        let across = self.size.1.div_ceil(self.block.1);
        let range = |index: usize, block: usize, size: usize| index * block..size.min((index + 1) * block);
        (range(index / across, self.block.0, self.size.0), range(index % across, self.block.1, self.size.1))
    }

    /// The rows and columns of cells of block number `index`.
    pub(super) fn cells(&self, index: usize) -> (Range<usize>, Range<usize>) {
        let (rows, columns) = self.pixels(index);
        let cells = |pixels: Range<usize>| pixels.start / self.cell..pixels.end.div_ceil(self.cell);
        (cells(rows), cells(columns))
    }
}

/// The size of equal pieces of `whole` of at most `most`.
fn evenly(whole: usize, most: usize) -> usize {
    whole.div_ceil(whole.div_ceil(most.max(1)).max(1)).max(1)
}
