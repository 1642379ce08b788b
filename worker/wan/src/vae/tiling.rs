//! Decoding in overlapping tiles, for frames that do not fit the memory at once.

use std::ops::Range;

use candle_core::{Device, Tensor};

use crate::error::{Error, Result};

/// How a frame is cut.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tiling {
    /// Rows and columns of a tile, in pixels.
    pub tile: usize,
    /// Pixels from the start of a tile to the start of the next; over the rest the two are blended.
    pub stride: usize,
}

impl Default for Tiling {
    /// The tiles of diffusers.
    fn default() -> Self {
        Self::of(256)
    }
}

/// One tile in units of latents.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Tile {
    pub(super) rows: Range<usize>,
    pub(super) columns: Range<usize>,
}

impl Tiling {
    /// The tiles to choose from where a whole frame does not fit, the largest first.
    pub(crate) const SIZES: [usize; 6] = [768, 512, 384, 256, 192, 128];

    /// Tiles of so many pixels that overlap by a quarter.
    pub fn of(tile: usize) -> Self {
        Self { tile, stride: tile / 4 * 3 }
    }

    /// Whether such tiles can be decoded, with `scale` pixels to one latent.
    ///
    /// # Errors
    /// [`Error::Rejected`] if tile and stride are not multiples of `scale`.
    pub fn check(self, scale: usize) -> Result<()> {
        let Self { tile, stride } = self;
        if stride == 0 || stride > tile || !tile.is_multiple_of(scale) || !stride.is_multiple_of(scale) {
            let allowed = format!("multiples of {scale} with a stride from {scale} to the tile are allowed");
            return Err(Error::Rejected(format!("tiling of {tile} pixels every {stride}: {allowed}")));
        }
        Ok(())
    }

    /// The rows of tiles over latents of `size`. One tile if that is all it takes.
    ///
    /// # Errors
    /// [`Error::Rejected`] if tile and stride are not multiples of `scale`, the pixels to one latent.
    pub(super) fn tiles(tiling: Option<Self>, size: (usize, usize), scale: usize) -> Result<Vec<Vec<Tile>>> {
        let Some(Self { tile, stride }) = tiling else {
            return Ok(vec![vec![Tile { rows: 0..size.0, columns: 0..size.1 }]]);
        };
        Self { tile, stride }.check(scale)?;
        let (tile, stride) = (tile / scale, stride / scale);
        if size.0 <= tile && size.1 <= tile {
            return Self::tiles(None, size, scale);
        }
        let cut = |size: usize| (0..size).step_by(stride).map(move |start| start..(start + tile).min(size));
        Ok(cut(size.0).map(|rows| cut(size.1).map(|columns| Tile { rows: rows.clone(), columns }).collect()).collect())
    }
}

/// Joins decoded tiles `[T, C, rows, columns]` row by row. Where one overlaps the next, it fades into it.
pub(super) struct Blend {
    /// Rows or columns that are kept of a tile.
    stride: usize,
    /// Rows or columns over which neighbours are blended, at most.
    overlap: usize,
    /// The row of tiles before.
    above: Vec<Tensor>,
}

impl Blend {
    /// For tiles in which `patch` rows and columns of pixels are folded into one; without a tiling nothing is cut.
    pub(super) fn new(tiling: Option<Tiling>, patch: usize) -> Self {
        let (stride, overlap) = match tiling {
            Some(Tiling { tile, stride }) => (stride / patch, tile / patch - stride / patch),
            None => (usize::MAX, 0),
        };
        Self { stride, overlap, above: Vec::new() }
    }

    /// The next row of tiles as one band of the frame.
    pub(super) fn row(&mut self, tiles: Vec<Tensor>) -> Result<Tensor> {
        let mut blended: Vec<Tensor> = Vec::with_capacity(tiles.len());
        for (column, tile) in tiles.into_iter().enumerate() {
            let tile = if let Some(above) = self.above.get(column) { self.fade(above, &tile, 2)? } else { tile };
            let tile = if let Some(left) = blended.last() { self.fade(left, &tile, 3)? } else { tile };
            blended.push(tile);
        }
        let keep = |tile: &Tensor| {
            let (_, _, rows, columns) = tile.dims4()?;
            tile.narrow(2, 0, rows.min(self.stride))?.narrow(3, 0, columns.min(self.stride))
        };
        let band = Tensor::cat(&blended.iter().map(keep).collect::<candle_core::Result<Vec<_>>>()?, 3)?;
        self.above = blended;
        Ok(band)
    }

    /// `tile` with its first rows (axis 2) or columns (axis 3) faded in over the last ones of the tile `before` it.
    fn fade(&self, before: &Tensor, tile: &Tensor, axis: usize) -> Result<Tensor> {
        let (end, size) = (before.dim(axis)?, tile.dim(axis)?);
        let overlap = self.overlap.min(end).min(size);
        if overlap == 0 {
            return Ok(tile.clone());
        }
        let weights: Vec<f32> = (0..overlap).map(|index| index as f32 / overlap as f32).collect();
        let shape = if axis == 2 { (1, 1, overlap, 1) } else { (1, 1, 1, overlap) };
        let weights =
            Tensor::from_vec(weights, shape, &Device::Cpu)?.to_device(tile.device())?.to_dtype(tile.dtype())?;
        let (from, to) = (before.narrow(axis, end - overlap, overlap)?, tile.narrow(axis, 0, overlap)?);
        let faded = (from.broadcast_mul(&weights.affine(-1.0, 1.0)?)? + to.broadcast_mul(&weights)?)?;
        Ok(Tensor::cat(&[&faded, &tile.narrow(axis, overlap, size - overlap)?], axis)?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tiles_start_a_stride_apart_and_end_with_the_frame() {
        let tiles = Tiling::tiles(Some(Tiling { tile: 32, stride: 16 }), (4, 6), 8).unwrap();
        let rows: Vec<_> = tiles.iter().map(|row| row[0].rows.clone()).collect();
        let columns: Vec<_> = tiles[0].iter().map(|tile| tile.columns.clone()).collect();
        assert_eq!((rows, columns), (vec![0..4, 2..4], vec![0..4, 2..6, 4..6]));
    }

    #[test]
    fn a_frame_within_one_tile_is_not_cut() {
        assert_eq!(Tiling::tiles(Some(Tiling::default()), (32, 32), 8).unwrap().concat().len(), 1);
        assert_eq!(Tiling::tiles(None, (90, 160), 8).unwrap().concat().len(), 1);
    }

    #[test]
    fn tiles_between_latents_are_refused() {
        for (tile, stride) in [(250, 192), (256, 100), (256, 0), (128, 256)] {
            let error = Tiling::tiles(Some(Tiling { tile, stride }), (90, 160), 8).unwrap_err();
            assert!(error.to_string().contains("multiples of 8"), "{error}");
        }
    }

    #[test]
    fn a_tile_fades_into_the_next() {
        let tile = |value: f32| {
            (Tensor::ones((1, 1, 1, 4), candle_core::DType::F32, &Device::Cpu).unwrap() * f64::from(value)).unwrap()
        };
        let mut blend = Blend::new(Some(Tiling { tile: 4, stride: 2 }), 1);
        let band = blend.row(vec![tile(0.0), tile(8.0)]).unwrap();
        assert_eq!(band.flatten_all().unwrap().to_vec1::<f32>().unwrap(), [0., 0., 0., 4.]);
    }
}
