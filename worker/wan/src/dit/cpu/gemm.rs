//! A matrix product on the calling thread, of matrices that may lie within larger ones.

use gemm::Parallelism;

/// A matrix within `numbers`, which begin with its first one.
#[derive(Debug, Clone, Copy)]
pub(super) struct Matrix<N> {
    numbers: N,
    rows: usize,
    columns: usize,
    /// From a number to the one below it.
    row_stride: usize,
    /// From a number to the one to the right of it.
    column_stride: usize,
}

impl<N> Matrix<N> {
    /// A matrix whose rows are contiguous and `row_stride` apart.
    pub(super) fn new(numbers: N, rows: usize, columns: usize, row_stride: usize) -> Self {
        Self { numbers, rows, columns, row_stride, column_stride: 1 }
    }

    /// The same numbers with rows and columns exchanged.
    pub(super) fn transposed(self) -> Self {
        Self {
            rows: self.columns,
            columns: self.rows,
            row_stride: self.column_stride,
            column_stride: self.row_stride,
            ..self
        }
    }

    /// How many numbers it reaches over.
    fn extent(&self) -> usize {
        if self.rows == 0 || self.columns == 0 {
            return 0;
        }
        (self.rows - 1) * self.row_stride + (self.columns - 1) * self.column_stride + 1
    }
}

/// `out = scale * left right`.
///
/// # Panics
/// Where sizes do not match, a matrix reaches beyond its numbers, or rows of `out` overlap.
#[expect(unsafe_code, reason = "the gemm crate has no safe interface")]
pub(super) fn multiply(out: Matrix<&mut [f32]>, scale: f32, left: Matrix<&[f32]>, right: Matrix<&[f32]>) {
    assert!(out.rows == left.rows && out.columns == right.columns && left.columns == right.rows, "sizes do not match");
    assert!(out.column_stride == 1 && out.row_stride >= out.columns, "the rows of the result overlap");
    assert!(out.extent() <= out.numbers.len(), "the result is out of bounds");
    assert!(left.extent() <= left.numbers.len() && right.extent() <= right.numbers.len(), "a factor is out of bounds");
    // SAFETY: the assertions say that every number that is read or written lies within its slice, and that none is
    // written twice; `out` is borrowed exclusively.
    unsafe {
        gemm::gemm(
            out.rows,
            out.columns,
            left.columns,
            out.numbers.as_mut_ptr(),
            out.column_stride as isize,
            out.row_stride as isize,
            false,
            left.numbers.as_ptr(),
            left.column_stride as isize,
            left.row_stride as isize,
            right.numbers.as_ptr(),
            right.column_stride as isize,
            right.row_stride as isize,
            0.0,
            scale,
            false,
            false,
            false,
            Parallelism::None,
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_product_within_larger_matrices() {
        let numbers: Vec<f32> = (0..12).map(|i| i as f32).collect();
        // Columns 1 and 2 of three rows of 4, times the transpose of two of them.
        let (left, right) = (Matrix::new(&numbers[1..], 3, 2, 4), Matrix::new(&numbers[1..], 2, 2, 4).transposed());
        let mut out = [9.0; 8];
        multiply(Matrix::new(&mut out[..], 3, 2, 3), 0.5, left, right);
        assert_eq!(out, [2.5, 8.5, 9.0, 8.5, 30.5, 9.0, 14.5, 52.5]);
    }

    #[test]
    #[should_panic(expected = "a factor is out of bounds")]
    fn a_matrix_beyond_its_numbers_is_refused() {
        let (mut out, numbers) = ([0.0; 4], [0.0; 4]);
        let (left, right) = (Matrix::new(&numbers[..], 2, 2, 3), Matrix::new(&numbers[..], 2, 2, 2));
        multiply(Matrix::new(&mut out[..], 2, 2, 2), 1.0, left, right);
    }
}
