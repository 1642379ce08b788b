//! A visible mark: drawn once for the size of the video, then laid over each of its frames.
//!
//! Words are white with a dark edge, so that they show on any ground. Only the pixels of the mark's rectangle are touched.

use clipmill_scale::Scaler;
use clipmill_shared::jobs::watermark::{Fonts, Position};
use image::{Rgba, RgbaImage};

use super::Target;
use super::error::Cause;
use super::letters;
use crate::engine::Frame;

/// How far a mark stays away from the edge, in parts of the video's shorter side.
const MARGIN: f32 = 0.03;
/// The size of its letters, in parts of the video's shorter side: capitals are about 4 % high.
const EM: f32 = 0.055;
/// Smaller letters than these, in pixels, cannot be read.
const EM_LEAST_PX: f32 = 10.0;
/// How much of the video's width, and of its height, a picture takes at most: a fifth.
const PICTURE_PART: u32 = 5;

/// A visible mark, ready to be drawn in any size.
#[derive(Debug, Clone)]
pub struct Mark {
    /// What it shows.
    pub content: Content,
    /// Where it stands.
    pub position: Position,
    /// How strongly it shows, from 0 to 1.
    pub opacity: f64,
}

/// What a mark shows.
#[derive(Debug, Clone)]
pub enum Content {
    /// Words, and what they are written with.
    Text(String, Fonts),
    /// A picture.
    Image(RgbaImage),
}

/// A mark as it lies over the frames of one size.
#[derive(Debug)]
pub(super) struct Overlay {
    /// Colours, and how much of them is seen.
    picture: RgbaImage,
    left: u32,
    top: u32,
}

impl Overlay {
    /// Draws the mark for frames of `size`.
    pub(super) fn draw(mark: &Mark, size: Target) -> Result<Self, Cause> {
        let margin = (size.width.min(size.height) as f32 * MARGIN).round() as u32;
        let room =
            Target { width: size.width.saturating_sub(2 * margin), height: size.height.saturating_sub(2 * margin) };
        let mut picture = match &mark.content {
            Content::Text(text, fonts) => {
                let em = (size.width.min(size.height) as f32 * EM).max(EM_LEAST_PX);
                letters::write(text, fonts, em, room)
            }
            Content::Image(image) => scaled(image, size)?,
        };
        for pixel in picture.pixels_mut() {
            pixel.0[3] = (f64::from(pixel.0[3]) * mark.opacity.clamp(0.0, 1.0)).round() as u8;
        }
        let far = |whole: u32, part: u32| whole.saturating_sub(part + margin);
        let (right, bottom) = (far(size.width, picture.width()), far(size.height, picture.height()));
        let middle = |whole: u32, part: u32| whole.saturating_sub(part) / 2;
        let (left, top) = match mark.position {
            Position::TopLeft => (margin, margin),
            Position::TopRight => (right, margin),
            Position::BottomLeft => (margin, bottom),
            Position::BottomRight => (right, bottom),
            Position::Center => (middle(size.width, picture.width()), middle(size.height, picture.height())),
        };
        Ok(Self { picture, left, top })
    }

    /// Lays the mark over a frame. What would jut out is not drawn.
    pub(super) fn blend(&self, frame: &mut Frame) {
        let width = frame.width() as usize;
        let (left, top) = (self.left as usize, self.top as usize);
        if left >= width {
            return;
        }
        let rows = frame.chunks_exact_mut(width * 3).skip(top);
        for (row, marks) in rows.zip(self.picture.rows()) {
            for (pixel, mark) in row[left * 3..].chunks_exact_mut(3).zip(marks) {
                lay_over(pixel, *mark);
            }
        }
    }
}

/// The weighted mean of both, rounded.
fn lay_over(pixel: &mut [u8], Rgba([red, green, blue, alpha]): Rgba<u8>) {
    if alpha == 0 {
        return;
    }
    let (over, under) = (u32::from(alpha), 255 - u32::from(alpha));
    for (channel, mark) in pixel.iter_mut().zip([red, green, blue]) {
        let sum = u32::from(*channel) * under + u32::from(mark) * over;
        *channel = u8::try_from((sum + 127) / 255).unwrap_or(u8::MAX);
    }
}

/// The picture with a Lanczos filter at the largest size that it may have; never enlarged.
fn scaled(image: &RgbaImage, video: Target) -> Result<RgbaImage, Cause> {
    let (width, height) = image.dimensions();
    let room = Target { width: (video.width / PICTURE_PART).max(1), height: (video.height / PICTURE_PART).max(1) };
    let shrink = (room.width as f32 / width as f32).min(room.height as f32 / height as f32).min(1.0);
    let side = |side: u32, most: u32| ((side as f32 * shrink).round() as u32).clamp(1, most);
    let (to_width, to_height) = (side(width, room.width), side(height, room.height));
    Ok(Scaler::default().stretch_rgba(image, (to_width, to_height))?)
}

#[cfg(test)]
mod tests;
