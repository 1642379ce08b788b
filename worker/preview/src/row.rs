//! One row of the picture while it is being painted.

use super::ink::Ink;

/// A row of pixels, one plane per channel, so that painting it runs on many pixels at once.
#[derive(Debug, Clone)]
pub(crate) struct Row {
    pub(crate) red: Vec<f32>,
    pub(crate) green: Vec<f32>,
    pub(crate) blue: Vec<f32>,
}

impl Row {
    /// A black row of `width` pixels.
    pub(crate) fn new(width: usize) -> Self {
        Self { red: vec![0.0; width], green: vec![0.0; width], blue: vec![0.0; width] }
    }

    /// How many pixels it has.
    pub(crate) fn width(&self) -> usize {
        self.red.len()
    }

    /// The three planes.
    pub(crate) fn planes(&mut self) -> [&mut [f32]; 3] {
        [&mut self.red, &mut self.green, &mut self.blue]
    }

    /// One colour everywhere.
    pub(crate) fn fill(&mut self, paint: Ink) {
        for (plane, value) in self.planes().into_iter().zip(paint) {
            plane.fill(value);
        }
    }

    /// Covers the pixels from `start` on with `paint`, each by its `cover` (0 to 1).
    pub(crate) fn blend(&mut self, start: usize, paint: Ink, cover: &[f32]) {
        for (plane, value) in self.planes().into_iter().zip(paint) {
            for (pixel, share) in plane[start..].iter_mut().zip(cover) {
                *pixel += (value - *pixel) * share;
            }
        }
    }

    /// Adds light of colour `paint`, per pixel by `amount` times `factor`.
    pub(crate) fn shine(&mut self, paint: Ink, amount: &[f32], factor: f32) {
        for (plane, value) in self.planes().into_iter().zip(paint) {
            let value = value * factor;
            for (pixel, share) in plane.iter_mut().zip(amount) {
                *pixel += value * share;
            }
        }
    }

    /// Covers one pixel with `paint` by `share`.
    pub(crate) fn touch(&mut self, x: usize, paint: Ink, share: f32) {
        for (plane, value) in self.planes().into_iter().zip(paint) {
            plane[x] += (value - plane[x]) * share;
        }
    }

    /// Moves this row towards `other` by `share`.
    pub(crate) fn fade(&mut self, other: &Self, share: f32) {
        let others = [&other.red, &other.green, &other.blue];
        for (plane, other) in self.planes().into_iter().zip(others) {
            for (pixel, value) in plane.iter_mut().zip(other) {
                *pixel += (value - *pixel) * share;
            }
        }
    }

    /// Writes the row as packed 8-bit RGB, with a fixed ordered dither of `number`'s row so that gradients do not band.
    pub(crate) fn pack(&self, number: u32, out: &mut [u8]) {
        let thresholds = BAYER[(number & 7) as usize];
        let planes = self.red.iter().zip(&self.green).zip(&self.blue);
        for (x, (pixel, ((red, green), blue))) in out.chunks_exact_mut(3).zip(planes).enumerate() {
            let threshold = thresholds[x & 7];
            pixel[0] = (red + threshold) as u8;
            pixel[1] = (green + threshold) as u8;
            pixel[2] = (blue + threshold) as u8;
        }
    }
}

/// An 8 x 8 ordered-dither matrix, scaled to what has to be added before cutting off the fraction.
const BAYER: [[f32; 8]; 8] = {
    let mut matrix = [[0.0; 8]; 8];
    let mut place = 0;
    while place < 64 {
        let (y, x) = (place / 8, place % 8);
        let (mut rank, mut bit) = (0, 0);
        while bit < 3 {
            let (xb, yb) = ((x >> bit) & 1, (y >> bit) & 1);
            rank |= (((xb ^ yb) << 1) | yb) << (2 * (2 - bit));
            bit += 1;
        }
        matrix[y][x] = (rank as f32 + 0.5) / 64.0;
        place += 1;
    }
    matrix
};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whole_values_survive_packing_and_fractions_are_kept_on_average() {
        let mut row = Row::new(64);
        row.fill([0.0, 255.0, 100.25]);
        let mut sum = 0;
        for number in 0..8 {
            let mut out = vec![0; 64 * 3];
            row.pack(number, &mut out);
            assert!(out.chunks(3).all(|pixel| pixel[0] == 0 && pixel[1] == 255));
            sum += out.chunks(3).map(|pixel| u32::from(pixel[2])).sum::<u32>();
        }
        assert_eq!(sum as f32 / 512.0, 100.25);
    }
}
