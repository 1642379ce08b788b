//! Between latents `[1, C, T, H, W]` and one token for every patch of 1x2x2 of them, in order of frame, row, column.

use candle_core::{Result, Tensor};

/// The number of patches along time, height and width.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Grid {
    pub(super) frames: usize,
    pub(super) rows: usize,
    pub(super) columns: usize,
}

impl Grid {
    /// Patches of one frame.
    pub(super) fn frame(self) -> usize {
        self.rows * self.columns
    }

    /// Patches of the video.
    pub(super) fn tokens(self) -> usize {
        self.frames * self.frame()
    }
}

/// Makes `[tokens, C*4]` of latents `[1, C, T, H, W]`; a patch keeps the order channel, row, column, which is the
/// order of the embedding's convolution weight.
pub(super) fn patchify(latents: &Tensor, grid: Grid) -> Result<Tensor> {
    let channels = latents.dim(1)?;
    let Grid { frames, rows, columns } = grid;
    latents
        .reshape(vec![channels, frames, rows, 2, columns, 2])?
        .permute(vec![1, 2, 4, 0, 3, 5])?
        .reshape((grid.tokens(), channels * 4))
}

/// Makes latents `[1, C, T, H, W]` of `[tokens, 4*C]`; here a patch has the order row, column, channel.
pub(super) fn unpatchify(tokens: &Tensor, grid: Grid) -> Result<Tensor> {
    let channels = tokens.dim(1)? / 4;
    let Grid { frames, rows, columns } = grid;
    tokens.reshape(vec![frames, rows, columns, 2, 2, channels])?.permute(vec![5, 0, 1, 3, 2, 4])?.reshape((
        1,
        channels,
        frames,
        rows * 2,
        columns * 2,
    ))
}

#[cfg(test)]
mod tests {
    use candle_core::{Device, Result, Tensor};

    use super::*;

    const GRID: Grid = Grid { frames: 2, rows: 2, columns: 3 };

    #[test]
    fn a_token_holds_its_patch_channel_by_channel() -> Result<()> {
        let latents = Tensor::arange(0f32, 3. * 2. * 4. * 6., &Device::Cpu)?.reshape((1, 3, 2, 4, 6))?;
        let tokens = patchify(&latents, GRID)?.to_vec2::<f32>()?;
        // Frame 1, second row and third column of patches: rows 2 and 3, columns 4 and 5.
        assert_eq!(tokens[6 + 3 + 2], [40., 41., 46., 47., 88., 89., 94., 95., 136., 137., 142., 143.]);
        Ok(())
    }

    #[test]
    fn unpatchify_reads_the_channel_last() -> Result<()> {
        let latents = Tensor::arange(0f32, 3. * 2. * 4. * 6., &Device::Cpu)?.reshape((1, 3, 2, 4, 6))?;
        let channel_last =
            patchify(&latents, GRID)?.reshape((GRID.tokens(), 3, 4))?.transpose(1, 2)?.reshape((GRID.tokens(), 12))?;
        let back = unpatchify(&channel_last, GRID)?;
        assert_eq!(back.flatten_all()?.to_vec1::<f32>()?, latents.flatten_all()?.to_vec1::<f32>()?);
        Ok(())
    }
}
