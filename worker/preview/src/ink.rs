//! Colours: three channels, 0 to 255, as they are written to the picture.

/// A colour: red, green, blue, each 0 to 255.
pub(crate) type Ink = [f32; 3];

/// The colour written `0xrrggbb`.
pub(crate) const fn ink(code: u32) -> Ink {
    [((code >> 16) & 255) as f32, ((code >> 8) & 255) as f32, (code & 255) as f32]
}

/// From `a` (share 0) to `b` (share 1).
pub(crate) fn mix(a: Ink, b: Ink, share: f32) -> Ink {
    [a[0] + (b[0] - a[0]) * share, a[1] + (b[1] - a[1]) * share, a[2] + (b[2] - a[2]) * share]
}

/// `paint` seen under a coloured light, where white light is 255 in every channel.
pub(crate) fn lit(paint: Ink, light: Ink) -> Ink {
    [paint[0] * light[0] / 255.0, paint[1] * light[1] / 255.0, paint[2] * light[2] / 255.0]
}

/// Brighter or darker by a factor.
pub(crate) fn times(paint: Ink, factor: f32) -> Ink {
    [paint[0] * factor, paint[1] * factor, paint[2] * factor]
}

/// How bright a colour looks, 0 to 255 (Rec. 709 weights).
pub(crate) fn luma(paint: Ink) -> f32 {
    0.2126 * paint[0] + 0.7152 * paint[1] + 0.0722 * paint[2]
}

/// Turns the hue by `angle` radians at equal brightness (a rotation in the YIQ plane).
pub(crate) fn turned(paint: Ink, angle: f32) -> Ink {
    let y = 0.299 * paint[0] + 0.587 * paint[1] + 0.114 * paint[2];
    let i = 0.596 * paint[0] - 0.274 * paint[1] - 0.322 * paint[2];
    let q = 0.211 * paint[0] - 0.523 * paint[1] + 0.312 * paint[2];
    let (sin, cos) = angle.sin_cos();
    let (i, q) = (i * cos - q * sin, i * sin + q * cos);
    [y + 0.956 * i + 0.621 * q, y - 0.272 * i - 0.647 * q, y - 1.106 * i + 1.703 * q].map(|v| v.clamp(0.0, 255.0))
}

/// Draws `paint` towards `tint` by `share` without making it much brighter or darker.
pub(crate) fn tinted(paint: Ink, tint: Ink, share: f32) -> Ink {
    let level = (luma(paint) / luma(tint).max(1.0)).clamp(0.0, 2.2);
    mix(paint, times(tint, level).map(|v| v.min(255.0)), share)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_gives_its_three_channels() {
        assert_eq!(ink(0x0a_14_ff), [10.0, 20.0, 255.0]);
    }

    #[test]
    fn a_full_turn_of_the_hue_gives_the_colour_back() {
        let back = turned(ink(0x40_80_a0), std::f32::consts::TAU);
        assert!(back.iter().zip(ink(0x40_80_a0)).all(|(a, b)| (a - b).abs() < 2.0), "{back:?}");
    }

    #[test]
    fn a_tint_changes_the_hue_but_hardly_the_brightness() {
        let grey = ink(0x80_80_80);
        let red = tinted(grey, ink(0xd0_40_30), 0.5);
        assert!(red[0] > red[2] + 30.0);
        assert!((luma(red) - luma(grey)).abs() < 12.0);
    }
}
