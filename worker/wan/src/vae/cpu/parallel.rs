//! One output buffer, cut into the pieces that blocks of work may write.

/// Cuts planes of `rows` lines of `columns` numbers along both directions: the first index of the result counts blocks
/// row by row, the second the lines of all planes within a block.
pub(super) fn blocks(
    planes: &mut [f32],
    (rows, columns): (usize, usize),
    (high, wide): (usize, usize),
) -> Vec<Vec<&mut [f32]>> {
    let across = columns.div_ceil(wide);
    let count = rows.div_ceil(high) * across;
    let lines = planes.len() / (rows * columns) * high;
    let mut blocks: Vec<Vec<&mut [f32]>> = std::iter::repeat_with(|| Vec::with_capacity(lines)).take(count).collect();
    for plane in planes.chunks_exact_mut(rows * columns) {
        for (row, line) in plane.chunks_exact_mut(columns).enumerate() {
            for (block, piece) in line.chunks_mut(wide).enumerate() {
                blocks[row / high * across + block].push(piece);
            }
        }
    }
    blocks
}
