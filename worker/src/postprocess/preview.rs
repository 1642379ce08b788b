//! The preview: a small animated picture of the video's beginning.

use clipmill_scale::Scaler;

use super::error::Cause;
use super::webp::WebpEncoder;
use super::{PostprocessError, Target, Variant};
use crate::engine::Frame;

/// Longest side in pixels.
const LONG_SIDE: u32 = 320;
/// Pictures per second, at most.
const FPS: u32 = 8;
/// How much of the video it shows. It bounds the encoder's memory, which holds the whole animation.
const SECONDS: u32 = 4;

/// Picks its frames as they pass. The clip's speed is kept, and it repeats for ever.
pub(super) struct Preview {
    encoder: WebpEncoder,
    scaler: Scaler,
    size: Target,
    fps: u32,
    taken: u32,
}

impl Preview {
    /// A preview of a video of `video` size and `fps` frames per second.
    pub(super) fn open(video: Target, fps: u32) -> Result<Self, PostprocessError> {
        let size = video.within(LONG_SIDE);
        let encoder = WebpEncoder::animation(size, fps).map_err(PostprocessError::encoder(Variant::Preview))?;
        Ok(Self { encoder, scaler: Scaler::default(), size, fps, taken: 0 })
    }

    /// Its size in pixels.
    pub(super) fn size(&self) -> Target {
        self.size
    }

    /// Looks at frame number `index`.
    pub(super) fn push(&mut self, index: u32, frame: &Frame) -> Result<(), PostprocessError> {
        if !self.due(index) {
            return Ok(());
        }
        self.taken += 1;
        self.add(index, frame).map_err(PostprocessError::encoder(Variant::Preview))
    }

    /// The file's content.
    pub(super) fn finish(self) -> Result<Vec<u8>, PostprocessError> {
        self.encoder.finish().map_err(PostprocessError::encoder(Variant::Preview))
    }

    fn due(&self, index: u32) -> bool {
        let (index, fps) = (u64::from(index), u64::from(self.fps));
        index < fps * u64::from(SECONDS) && index * u64::from(FPS) >= u64::from(self.taken) * fps
    }

    fn add(&mut self, index: u32, frame: &Frame) -> Result<(), Cause> {
        let small = self.scaler.cover(frame, self.size.dimensions())?;
        self.encoder.push(&small, index)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn taken_of(frames: u32, fps: u32) -> Vec<u32> {
        crate::postprocess::start::start().unwrap();
        let mut preview = Preview::open(Target { width: 16, height: 16 }, fps).unwrap();
        let frame = Frame::new(16, 16);
        (0..frames)
            .filter(|index| {
                let before = preview.taken;
                preview.push(*index, &frame).unwrap();
                preview.taken > before
            })
            .collect()
    }

    #[test]
    fn it_takes_eight_frames_of_a_second_evenly() {
        assert_eq!(taken_of(24, 24), [0, 3, 6, 9, 12, 15, 18, 21]);
        assert_eq!(taken_of(30, 30), [0, 4, 8, 12, 15, 19, 23, 27]);
    }

    #[test]
    fn it_takes_every_frame_of_a_slow_video() {
        assert_eq!(taken_of(5, 5), [0, 1, 2, 3, 4]);
    }

    #[test]
    fn it_stops_after_four_seconds_however_long_the_video_is() {
        assert_eq!(taken_of(10_000, 24).len(), 32);
    }
}
