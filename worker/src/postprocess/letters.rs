//! Words as pixels: white letters with a dark edge.

use ab_glyph::{Font as _, OutlinedGlyph, PxScale, ScaleFont as _, point};
use clipmill_shared::jobs::watermark::Fonts;
use image::{Rgba, RgbaImage};

use super::Target;

/// How wide the dark edge is, in parts of the letters' size.
const EDGE: f32 = 0.08;

/// Draws a line of text whose letters have `em` pixels, or fewer where it would be wider than `room`. What it lacks a character for is
/// left out.
pub(super) fn write(text: &str, fonts: &Fonts, em: f32, room: Target) -> RgbaImage {
    let edge = edge(em);
    let fits = room.width.saturating_sub(2 * edge).max(1) as f32;
    // In a size that is known, since the width grows with it.
    let width = bounds(&outlines(text, fonts, em)).map_or(0.0, |[left, _, right, _]| right - left);
    let em = if width > fits { (em * fits / width).max(1.0) } else { em };
    engrave(&outlines(text, fonts, em), self::edge(em))
}

fn edge(em: f32) -> u32 {
    (em * EDGE).round().max(1.0) as u32
}

/// The letters one after the other, on a line at height 0.
fn outlines(text: &str, fonts: &Fonts, em: f32) -> Vec<OutlinedGlyph> {
    let mut outlines = Vec::new();
    let mut pen = 0.0;
    for character in text.chars() {
        let Some(font) = fonts.of(character) else { continue };
        // The crate's scale is that of the line; that of the em makes letters of several fonts alike.
        let scale = PxScale::from(em * font.height_unscaled() / font.units_per_em().unwrap_or(1000.0));
        let font = font.as_scaled(scale);
        let id = font.glyph_id(character);
        outlines.extend(font.outline_glyph(id.with_scale_and_position(scale, point(pen, 0.0))));
        pen += font.h_advance(id);
    }
    outlines
}

/// Left, top, right and bottom of all letters, in whole pixels; none if nothing is to be seen.
fn bounds(outlines: &[OutlinedGlyph]) -> Option<[f32; 4]> {
    outlines
        .iter()
        .map(OutlinedGlyph::px_bounds)
        .map(|rect| [rect.min.x, rect.min.y, rect.max.x, rect.max.y])
        .reduce(|all, one| [all[0].min(one[0]), all[1].min(one[1]), all[2].max(one[2]), all[3].max(one[3])])
}

/// The letters and their edge on nothing.
fn engrave(outlines: &[OutlinedGlyph], edge: u32) -> RgbaImage {
    let Some([left, top, right, bottom]) = bounds(outlines) else { return RgbaImage::new(1, 1) };
    let (width, height) = ((right - left) as u32 + 2 * edge, (bottom - top) as u32 + 2 * edge);
    let mut letters = Ink::new(width, height);
    for outline in outlines {
        let corner = outline.px_bounds().min;
        let (x, y) = ((corner.x - left) as u32 + edge, (corner.y - top) as u32 + edge);
        outline.draw(|dx, dy, cover| letters.add(x + dx, y + dy, cover));
    }
    let around = letters.widened(edge);
    RgbaImage::from_fn(width, height, |x, y| {
        let (letter, around) = (letters.at(x, y), around.at(x, y));
        // White over black: what is seen of both, and the share of the white in it.
        let seen = letter + around * (1.0 - letter);
        let level = if seen > 0.0 { (255.0 * letter / seen).round() as u8 } else { 0 };
        Rgba([level, level, level, (255.0 * seen).round() as u8])
    })
}

/// How much of each pixel is covered, from 0 to 1.
struct Ink {
    width: u32,
    height: u32,
    cover: Vec<f32>,
}

impl Ink {
    fn new(width: u32, height: u32) -> Self {
        Self { width, height, cover: vec![0.0; width as usize * height as usize] }
    }

    fn at(&self, x: u32, y: u32) -> f32 {
        self.cover[y as usize * self.width as usize + x as usize]
    }

    /// Letters that overlap do not add up. What lies outside is left out.
    fn add(&mut self, x: u32, y: u32, cover: f32) {
        if x < self.width && y < self.height {
            let known = &mut self.cover[y as usize * self.width as usize + x as usize];
            *known = known.max(cover.clamp(0.0, 1.0));
        }
    }

    /// The same with everything wider by a round brush.
    fn widened(&self, radius: u32) -> Self {
        let mut wide = Self::new(self.width, self.height);
        let reach = i64::from(radius);
        for (x, y) in (0..self.height).flat_map(|y| (0..self.width).map(move |x| (x, y))) {
            let cover = self.at(x, y);
            if cover == 0.0 {
                continue;
            }
            for (dx, dy) in (-reach..=reach).flat_map(|dy| (-reach..=reach).map(move |dx| (dx, dy))) {
                let (to_x, to_y) = (u32::try_from(i64::from(x) + dx), u32::try_from(i64::from(y) + dy));
                if let (Ok(to_x), Ok(to_y), true) = (to_x, to_y, dx * dx + dy * dy <= reach * reach) {
                    wide.add(to_x, to_y, cover);
                }
            }
        }
        wide
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ROOM: Target = Target { width: 400, height: 300 };

    fn written(text: &str, em: f32) -> RgbaImage {
        write(text, &Fonts::bundled(), em, ROOM)
    }

    #[test]
    fn letters_are_white_and_their_edge_is_dark() {
        let picture = written("AI", 40.0);
        let opaque = |level: fn(u8) -> bool| picture.pixels().filter(|p| p.0[3] > 250 && level(p.0[0])).count();
        assert!(opaque(|level| level > 250) > 100, "there are letters");
        assert!(opaque(|level| level < 5) > 100, "and there is an edge");
        let rim = (0..picture.width()).map(|x| picture.get_pixel(x, 0).0);
        assert!(rim.filter(|pixel| pixel[3] > 0).all(|pixel| pixel[0] < 128), "the edge is outside");
    }

    #[test]
    fn a_line_too_long_for_its_room_is_written_smaller() {
        let (short, long) = (written("W", 20.0), written(&"W".repeat(60), 20.0));
        assert!((12..=24).contains(&short.height()), "{:?}", short.dimensions());
        assert!(long.width() <= ROOM.width && long.width() > ROOM.width * 8 / 10, "{:?}", long.dimensions());
        assert!(long.height() < short.height());
    }

    #[test]
    fn letters_of_several_fonts_have_one_size_and_stand_on_one_line() {
        let (mixed, latin) = (written("AI生成", 40.0), written("AI", 40.0));
        assert!(mixed.width() > latin.width() + 60, "{:?}", mixed.dimensions());
        assert!(mixed.height() <= latin.height() * 3 / 2, "{:?} beside {:?}", mixed.dimensions(), latin.dimensions());
    }

    #[test]
    fn what_no_font_has_is_left_out_and_nothing_is_nothing() {
        assert_eq!(written("A🦊", 30.0).height(), written("A", 30.0).height());
        for nothing in ["", " ", "🦊"] {
            assert!(written(nothing, 30.0).pixels().all(|pixel| pixel.0[3] == 0), "{nothing:?}");
        }
        let narrow = write(&"W".repeat(60), &Fonts::bundled(), 10.0, Target { width: 1, height: 1 });
        assert!(narrow.width() <= 80, "{:?}", narrow.dimensions());
    }
}
