//! Squares of pixels as channels, and back.

use candle_core::Tensor;

use crate::error::Result;

/// `x` `[T, C, H, W]` as `[T, C * side², H / side, W / side]`. Of a square's pixels the columns vary more slowly.
pub(super) fn fold(x: &Tensor, side: usize) -> Result<Tensor> {
    if side == 1 {
        return Ok(x.clone());
    }
    let (frames, channels, rows, columns) = x.dims4()?;
    let (rows, columns) = (rows / side, columns / side);
    let squares = x.reshape(vec![frames, channels, rows, side, columns, side])?;
    let squares = squares.permute(vec![0, 1, 5, 3, 2, 4])?.contiguous()?;
    Ok(squares.reshape((frames, channels * side * side, rows, columns))?)
}

/// The inverse of [`fold`].
pub(super) fn unfold(x: &Tensor, side: usize) -> Result<Tensor> {
    if side == 1 {
        return Ok(x.clone());
    }
    let (frames, channels, rows, columns) = x.dims4()?;
    let channels = channels / (side * side);
    let squares = x.reshape(vec![frames, channels, side, side, rows, columns])?;
    let squares = squares.permute(vec![0, 1, 4, 3, 5, 2])?.contiguous()?;
    Ok(squares.reshape((frames, channels, rows * side, columns * side))?)
}

#[cfg(test)]
mod tests {
    use candle_core::Device;

    use super::*;

    #[test]
    fn the_pixels_of_a_square_become_channels_column_by_column() {
        let x = Tensor::from_slice(&[1_f32, 2., 3., 4.], (1, 1, 2, 2), &Device::Cpu).unwrap();
        let folded = fold(&x, 2).unwrap();
        assert_eq!(folded.dims(), [1, 4, 1, 1]);
        assert_eq!(folded.flatten_all().unwrap().to_vec1::<f32>().unwrap(), [1., 3., 2., 4.]);
    }

    #[test]
    fn unfolding_undoes_folding() {
        let x = Tensor::arange(0_f32, 2. * 3. * 4. * 6., &Device::Cpu).unwrap().reshape((2, 3, 4, 6)).unwrap();
        let back = unfold(&fold(&x, 2).unwrap(), 2).unwrap();
        assert_eq!(
            back.flatten_all().unwrap().to_vec1::<f32>().unwrap(),
            x.flatten_all().unwrap().to_vec1::<f32>().unwrap()
        );
    }
}
