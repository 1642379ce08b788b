//! What a convolution of the autoencoder looks like.

/// The sizes of a convolution.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Shape {
    /// Channels that come in.
    pub(super) inputs: usize,
    /// Channels that leave.
    pub(super) outputs: usize,
    /// Frames that one output frame is made from.
    pub(super) taps: usize,
    /// Rows and columns of the kernel: 1 or 3.
    pub(super) size: usize,
    /// How the output's rows and columns relate to the input's.
    pub(super) sampling: Sampling,
}

/// How the rows and columns of a convolution's output relate to its input's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Sampling {
    /// As many, with zeros around the input.
    Same,
    /// Twice as many: every pixel of the input stands for four.
    Doubled,
    /// Half as many: every other one, with zeros below and to the right of the input.
    Halved,
}

impl Shape {
    /// The causal convolution over frames, rows and columns.
    pub(super) fn causal(inputs: usize, outputs: usize) -> Self {
        Self { inputs, outputs, taps: 3, size: 3, sampling: Sampling::Same }
    }

    /// The convolution over frames only.
    pub(super) fn temporal(inputs: usize, outputs: usize) -> Self {
        Self { inputs, outputs, taps: 3, size: 1, sampling: Sampling::Same }
    }

    /// The convolution over rows and columns only that changes the resolution.
    pub(super) fn spatial(inputs: usize, outputs: usize, sampling: Sampling) -> Self {
        Self { inputs, outputs, taps: 1, size: 3, sampling }
    }

    /// The linear map of each pixel's channels.
    pub(super) fn pointwise(inputs: usize, outputs: usize) -> Self {
        Self { inputs, outputs, taps: 1, size: 1, sampling: Sampling::Same }
    }

    /// Rows and columns of the output for an input of `rows` and `columns`.
    pub(super) fn output(&self, (rows, columns): (usize, usize)) -> (usize, usize) {
        match self.sampling {
            Sampling::Same => (rows, columns),
            Sampling::Doubled => (rows * 2, columns * 2),
            Sampling::Halved => (rows / 2, columns / 2),
        }
    }

    /// Numbers of the kernel.
    pub(super) fn weights(&self) -> usize {
        self.inputs * self.outputs * self.taps * self.size * self.size
    }
}
