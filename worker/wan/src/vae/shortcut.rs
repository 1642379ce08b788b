//! The shortcuts around the levels of Wan 2.2: no weights, only copies and means of channels.

use candle_core::Tensor;

use crate::error::Result;

/// How many frames, and how many rows and columns, are one on the smaller side.
#[derive(Debug, Clone, Copy)]
pub(super) struct Factors {
    /// Frames.
    pub(super) frames: usize,
    /// Rows, and columns.
    pub(super) pixels: usize,
}

/// `x` `[T, C, H, W]` with `outputs` channels and the frames, rows and columns divided by `factors`.
///
/// All numbers that become one pixel are put side by side, channel after channel, and the mean of as many neighbours as it
/// takes is one channel. Frames of zeros are put in front until their number can be divided.
pub(super) fn average(x: &Tensor, outputs: usize, factors: Factors) -> Result<Tensor> {
    let x = x.pad_with_zeros(0, x.dim(0)?.next_multiple_of(factors.frames) - x.dim(0)?, 0)?;
    let (frames, channels, rows, columns) = x.dims4()?;
    let (by, side) = (factors.frames, factors.pixels);
    let (frames, rows, columns) = (frames / by, rows / side, columns / side);
    let parts = x.reshape(vec![frames, by, channels, rows, side, columns, side])?;
    let together = parts.permute(vec![0, 2, 1, 4, 6, 3, 5])?.contiguous()?;
    let group = channels * by * side * side / outputs;
    Ok(together.reshape((frames, outputs, group, rows, columns))?.mean(2)?)
}

/// `x` `[T, C, H, W]` with `outputs` channels and the frames, rows and columns multiplied by `factors`.
///
/// Each channel is repeated until the channels are enough, and those are then laid out over frames, rows and columns.
/// At the start of a video the first frame is made once only.
pub(super) fn repeat(x: &Tensor, outputs: usize, factors: Factors, first: bool) -> Result<Tensor> {
    let (frames, channels, rows, columns) = x.dims4()?;
    let (by, side) = (factors.frames, factors.pixels);
    let copies = outputs * by * side * side / channels;
    let copied = x.unsqueeze(2)?.broadcast_as((frames, channels, copies, rows, columns))?.contiguous()?;
    let parts = copied.reshape(vec![frames, outputs, by, side, side, rows, columns])?;
    let spread = parts.permute(vec![0, 2, 1, 5, 3, 6, 4])?.contiguous()?;
    let y = spread.reshape((frames * by, outputs, rows * side, columns * side))?;
    let dropped = if first { by - 1 } else { 0 };
    Ok(y.narrow(0, dropped, frames * by - dropped)?)
}

#[cfg(test)]
mod tests {
    use candle_core::Device;

    use super::*;

    fn tensor(values: &[f32], shape: (usize, usize, usize, usize)) -> Tensor {
        Tensor::from_slice(values, shape, &Device::Cpu).unwrap()
    }

    fn values(tensor: &Tensor) -> Vec<f32> {
        tensor.flatten_all().unwrap().to_vec1().unwrap()
    }

    #[test]
    fn an_average_counts_the_zero_frame_in_front() {
        // One frame of two channels of 2x2 pixels, into one channel: the mean of eight numbers and eight zeros.
        let x = tensor(&[1., 2., 3., 4., 5., 6., 7., 8.], (1, 2, 2, 2));
        let y = average(&x, 1, Factors { frames: 2, pixels: 2 }).unwrap();
        assert_eq!((y.dims(), values(&y)), (&[1, 1, 1, 1][..], vec![36. / 16.]));
    }

    #[test]
    fn an_average_takes_neighbours_in_the_order_channel_frame_row_column() {
        // Two frames of one channel of 2x2 pixels, into four channels: pairs of neighbouring columns.
        let x = tensor(&[1., 2., 3., 5., 10., 20., 30., 50.], (2, 1, 2, 2));
        let y = average(&x, 4, Factors { frames: 2, pixels: 2 }).unwrap();
        assert_eq!((y.dims(), values(&y)), (&[1, 4, 1, 1][..], vec![1.5, 4., 15., 40.]));
    }

    #[test]
    fn a_repetition_lays_channels_out_over_frames_rows_and_columns() {
        // Four channels of one pixel, into one channel of 2x2 pixels on two frames: each pixel fills two columns.
        let x = tensor(&[1., 2., 3., 4.], (1, 4, 1, 1));
        let factors = Factors { frames: 2, pixels: 2 };
        let y = repeat(&x, 1, factors, false).unwrap();
        assert_eq!((y.dims(), values(&y)), (&[2, 1, 2, 2][..], vec![1., 1., 2., 2., 3., 3., 4., 4.]));
        let y = repeat(&x, 1, factors, true).unwrap();
        assert_eq!((y.dims(), values(&y)), (&[1, 1, 2, 2][..], vec![3., 3., 4., 4.]));
    }
}
