//! A video that repeats without a jump: its end fades into what came before its beginning.

use std::collections::VecDeque;

use super::error::Cause;
use crate::engine::Frame;

/// Holds the first frames back and blends them into the last ones, with a weight that rises.
///
/// Of frames 0 to `total` with an overlap of `n`, the video begins with frame `n`. Its last `n` frames lead from those at the end
/// of the footage to those before frame `n`, so that the frame after the last is the first.
pub(super) struct Looping {
    overlap: u32,
    total: u32,
    index: u32,
    held: VecDeque<Frame>,
}

impl Looping {
    /// For `total` frames, of which the last `overlap` flow into the first ones. With an overlap of 0 nothing is changed.
    pub(super) fn new(overlap: u32, total: u32) -> Self {
        Self { overlap, total, index: 0, held: VecDeque::new() }
    }

    /// Takes the next frame and gives the one that the video shows for it; none for those that are held back, at the beginning.
    pub(super) fn pass(&mut self, mut frame: Frame) -> Result<Option<Frame>, Cause> {
        let index = self.index;
        self.index += 1;
        if index < self.overlap {
            self.held.push_back(frame);
            return Ok(None);
        }
        let left = self.total.saturating_sub(index);
        if left <= self.overlap
            && let Some(beginning) = self.held.pop_front()
        {
            blend(&mut frame, &beginning, self.overlap + 1 - left, self.overlap + 1)?;
        }
        Ok(Some(frame))
    }
}

/// Makes `frame` to `share` of `whole` parts the `other`.
fn blend(frame: &mut Frame, other: &Frame, share: u32, whole: u32) -> Result<(), Cause> {
    if frame.dimensions() != other.dimensions() {
        return Err("the frames at the end have another size than those at the beginning".into());
    }
    for (level, other) in frame.iter_mut().zip(other.iter()) {
        let mixed = (u32::from(*level) * (whole - share) + u32::from(*other) * share + whole / 2) / whole;
        *level = u8::try_from(mixed).unwrap_or(u8::MAX);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use image::Rgb;

    use super::*;

    /// The levels of the video that is made of `total` frames which brighten by `step`.
    fn levels(overlap: u32, total: u32, step: u32) -> Vec<u8> {
        let mut looping = Looping::new(overlap, total);
        let frames = (0..total).map(|index| Frame::from_pixel(4, 2, Rgb([(index * step) as u8; 3])));
        frames.filter_map(|frame| looping.pass(frame).unwrap()).map(|frame| frame.get_pixel(3, 1).0[0]).collect()
    }

    #[test]
    fn without_an_overlap_every_frame_passes_as_it_is() {
        assert_eq!(levels(0, 5, 10), [0, 10, 20, 30, 40]);
    }

    #[test]
    fn the_last_frames_lead_to_what_came_before_the_first() {
        // Frames 12 to 15 (120 to 150) turn into frames 0 to 3 (0 to 30) by 1/5, 2/5, 3/5 and 4/5.
        assert_eq!(levels(4, 16, 10), [40, 50, 60, 70, 80, 90, 100, 110, 96, 82, 68, 54]);
    }

    #[test]
    fn the_step_from_the_last_frame_to_the_first_is_no_larger_than_the_largest_inside() {
        for (overlap, total) in [(1, 3), (4, 12), (12, 36), (15, 50)] {
            let levels = levels(overlap, total, 5);
            assert_eq!(levels.len() as u32, total - overlap);
            let inside = levels.windows(2).map(|pair| pair[0].abs_diff(pair[1])).max().unwrap();
            // One for the rounding.
            assert!(levels.last().unwrap().abs_diff(levels[0]) <= inside + 1, "{overlap} of {total}: {levels:?}");
        }
    }

    #[test]
    fn no_more_frames_are_held_than_overlap() {
        let mut looping = Looping::new(3, 100);
        for _ in 0..100 {
            looping.pass(Frame::new(2, 2)).unwrap();
            assert!(looping.held.len() <= 3);
        }
        assert!(looping.held.is_empty());
    }

    #[test]
    fn frames_that_change_their_size_are_an_error() {
        let mut looping = Looping::new(1, 2);
        assert!(looping.pass(Frame::new(2, 2)).unwrap().is_none());
        assert!(looping.pass(Frame::new(4, 2)).is_err());
    }
}
