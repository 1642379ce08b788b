//! The faces of mountains and dunes: a lit side, a shadowed side, snow above a line.

use super::camera::ease;
use super::dice::{noise, rough_noise};
use super::ink::Ink;
use super::row::Row;
use super::stage::{Brush, Lens};

/// One summit, in pixels of the resting picture.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Peak {
    /// Across from the middle of the frame.
    pub(crate) x: f32,
    /// Above the layer's base.
    pub(crate) height: f32,
    /// Half the width at the base, to the left and to the right.
    pub(crate) reach: [f32; 2],
    /// How far the ridge that parts light from shadow leans to the right per pixel downwards.
    pub(crate) lean: f32,
}

/// The faces of a layer.
#[derive(Debug, Clone)]
pub(crate) struct Relief {
    /// The summits, the tallest first: lower ones stand before them.
    pub(crate) peaks: Vec<Peak>,
    /// The height that flanks are bent by, see [`bent`]; none for straight ones.
    pub(crate) bend: Option<f32>,
    /// The colour of the side that lies in shadow and how strongly it shows.
    pub(crate) dark: (Ink, f32),
    /// Whether the light comes from the right.
    pub(crate) from_right: bool,
    /// How jagged the parting ridge is, in pixels.
    pub(crate) jag: f32,
    /// The snow's colour, the height above the base where it begins, and how ragged its border is, in pixels.
    pub(crate) snow: Option<(Ink, f32, f32)>,
    pub(crate) seed: u64,
}

/// The faces at one moment.
pub(crate) struct ReliefPose<'a> {
    relief: &'a Relief,
    lens: Lens,
    base: f32,
    snow_y: Vec<f32>,
}

/// How high the mountain of `peak` is at `x`, as a straight-sided cone; below 0 outside of it.
pub(crate) fn cone(peak: &Peak, x: f32) -> f32 {
    let aside = x - peak.x;
    let reach = if aside < 0.0 { peak.reach[0] } else { peak.reach[1] };
    peak.height * (1.0 - aside.abs() / reach)
}

/// What becomes of a straight flank's height where sand runs out softly into the plain: `top` stays, lower is lower.
pub(crate) fn bent(height: f32, top: f32) -> f32 {
    let share = (height / top).clamp(0.0, 1.0);
    top * share * (0.4 + 0.6 * share)
}

/// The inverse of [`bent`].
fn straightened(height: f32, top: f32) -> f32 {
    let share = (height / top).clamp(0.0, 1.0);
    top * ((0.16 + 2.4 * share).sqrt() - 0.4) / 1.2
}

impl Relief {
    /// Faces of `peaks`, bent by `bend` if it is given, that are not yet lit.
    pub(crate) fn new(mut peaks: Vec<Peak>, bend: Option<f32>, seed: u64) -> Self {
        peaks.sort_by(|a, b| b.height.total_cmp(&a.height));
        Self { peaks, bend, dark: ([0.0; 3], 0.0), from_right: true, jag: 0.0, snow: None, seed }
    }

    pub(crate) fn pose(&self, lens: &Lens, base: f32, width: usize) -> ReliefPose<'_> {
        let snow_y = self.snow.map_or(Vec::new(), |(_, line, ragged)| {
            (0..width).map(|x| lens.seen_y(base - line - self.border(lens.rest_x(x as f32 + 0.5), ragged))).collect()
        });
        ReliefPose { relief: self, lens: *lens, base, snow_y }
    }

    fn border(&self, x: f32, ragged: f32) -> f32 {
        let tooth = |wide: f32| 1.0 - 2.0 * ((x / wide).rem_euclid(1.0) - 0.5).abs();
        let drift = 0.9 * rough_noise(self.seed, x / (ragged * 2.2), 2);
        ragged * (drift + 0.7 * tooth(ragged * 0.9) + 0.4 * tooth(ragged * 0.37) - 1.0)
    }
}

impl ReliefPose<'_> {
    /// Paints the faces where `brush.cover` says that the layer is.
    pub(crate) fn paint(&self, y: f32, row: &mut Row, brush: &mut Brush) {
        if let Some((paint, ..)) = self.relief.snow {
            brush.shade.clear();
            let columns = self.snow_y.iter().zip(&brush.cover);
            brush.shade.extend(columns.map(|(line, cover)| (line - y + 0.5).clamp(0.0, 1.0) * cover));
            row.blend(0, paint, &brush.shade);
        }
        brush.shade.clear();
        brush.shade.resize(row.width(), 0.0);
        let height = (self.base - self.lens.rest_y(y + 0.5)).max(0.0);
        let height = self.relief.bend.map_or(height, |top| straightened(height, top));
        for peak in self.relief.peaks.iter().take_while(|peak| peak.height > height) {
            self.face(peak, height, &mut brush.shade);
        }
        let (dark, strength) = self.relief.dark;
        brush.shade.iter_mut().zip(&brush.cover).for_each(|(shade, cover)| *shade *= cover * strength);
        row.blend(0, dark, &brush.shade);
    }

    /// Shades one mountain's part of a row at `height`, over those behind it.
    fn face(&self, peak: &Peak, height: f32, shade: &mut [f32]) {
        let part = 1.0 - height / peak.height;
        let [left, right] =
            [self.lens.seen_x(peak.x - peak.reach[0] * part), self.lens.seen_x(peak.x + peak.reach[1] * part)];
        let from = left.max(0.0) as usize;
        let to = ((right + 1.0).max(0.0) as usize).min(shade.len());
        if from >= to {
            return;
        }
        let down = peak.height - height;
        let ragged = self.relief.jag
            * (noise(self.relief.seed ^ u64::from(peak.x.to_bits()), down / (self.relief.jag + 0.1)) - 0.5);
        let parting =
            self.lens.seen_x(peak.x + peak.lean * down + 2.0 * ragged * (down / (self.relief.jag + 0.1)).min(1.0));
        let fade = ease((height / (0.4 * peak.height)).min(1.0));
        let side = if self.relief.from_right { -1.0 } else { 1.0 };
        for (x, shade) in shade[from..to].iter_mut().enumerate() {
            let x = (from + x) as f32 + 0.5;
            let inside = (x - left + 0.5).min(right - x + 0.5).clamp(0.0, 1.0);
            let dark = (side * (x - parting) + 0.5).clamp(0.0, 1.0);
            *shade += (dark * fade - *shade) * inside * fade;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bending_a_flank_can_be_undone() {
        for height in [0.0, 3.0, 17.5, 40.0] {
            assert!((straightened(bent(height, 40.0), 40.0) - height).abs() < 1e-3);
        }
    }
}
