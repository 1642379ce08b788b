//! More frames per second than were drawn: those between are made by following what moves, with FFmpeg's `minterpolate`.

use ffmpeg_next as ffmpeg;
use ffmpeg_next::filter::{self, Graph};
use ffmpeg_next::frame;

use super::Target;
use super::error::Cause;

/// How the filter looks for motion: both ways, in blocks that it divides where they do not fit, and with a smooth passage from
/// one to the next. Where the scene changes it repeats frames.
const METHOD: &str = "mi_mode=mci:mc_mode=aobmc:me_mode=bidir:vsbmc=1";
/// The filter goes no further than to this many frames before the last that it has seen.
const LOOK_AHEAD: usize = 2;

/// Makes the frames of a faster video.
pub(super) struct Interpolator {
    graph: Graph,
    /// What comes after the last frame: the first ones, if the video repeats.
    after: Vec<frame::Video>,
    looped: bool,
    /// The newest frame. It is held back since what comes after it may have to be made of it.
    newest: Option<frame::Video>,
    pushed: u32,
}

/// Frames per second before and after.
#[derive(Debug, Clone, Copy)]
pub(super) struct Rates {
    pub(super) drawn: u32,
    pub(super) shown: u32,
}

impl Rates {
    /// How many frames last as long as `drawn` ones, to the nearest.
    pub(super) fn frames(self, drawn: u32) -> u32 {
        let (from, to) = (u64::from(self.drawn.max(1)), u64::from(self.shown));
        u32::try_from((u64::from(drawn) * to + from / 2) / from).unwrap_or(u32::MAX)
    }
}

impl Interpolator {
    /// For pictures of `size`; `looped` says that after the last comes the first.
    pub(super) fn new(size: Target, rates: Rates, looped: bool) -> Result<Self, Cause> {
        let find = |name: &str| filter::find(name).ok_or_else(|| format!("this FFmpeg was built without {name}"));
        let (Target { width, height }, Rates { drawn, shown }) = (size, rates);
        let input = format!(
            "video_size={width}x{height}:pix_fmt=yuv420p:time_base=1/{drawn}:frame_rate={drawn}/1:pixel_aspect=1/1"
        );
        let mut graph = Graph::new();
        graph.add(&find("buffer")?, "in", &input)?;
        graph.add(&find("buffersink")?, "out", "")?;
        graph.output("in", 0)?.input("out", 0)?.parse(&format!("minterpolate=fps={shown}:{METHOD}"))?;
        graph.validate()?;
        Ok(Self { graph, after: Vec::new(), looped, newest: None, pushed: 0 })
    }

    /// Takes the next picture and gives those of the faster video that are ready.
    pub(super) fn push(&mut self, picture: frame::Video) -> Result<Vec<frame::Video>, Cause> {
        if self.looped && self.after.len() < LOOK_AHEAD {
            self.after.push(picture.clone());
        }
        match self.newest.replace(picture) {
            Some(previous) => self.feed(previous),
            None => Ok(Vec::new()),
        }
    }

    /// Gives what is still held back, up to the end of the last frame, and perhaps some that lie beyond it.
    pub(super) fn finish(mut self) -> Result<Vec<frame::Video>, Cause> {
        let Some(newest) = self.newest.take() else { return Ok(Vec::new()) };
        let mut after = std::mem::take(&mut self.after);
        after.resize_with(LOOK_AHEAD, || newest.clone());
        let mut ready = self.feed(newest)?;
        for picture in after {
            ready.extend(self.feed(picture)?);
        }
        self.graph.get("in").ok_or(ffmpeg::Error::FilterNotFound)?.source().flush()?;
        ready.extend(self.take_ready()?);
        Ok(ready)
    }

    fn feed(&mut self, mut picture: frame::Video) -> Result<Vec<frame::Video>, Cause> {
        picture.set_pts(Some(self.pushed.into()));
        self.pushed += 1;
        self.graph.get("in").ok_or(ffmpeg::Error::FilterNotFound)?.source().add(&picture)?;
        self.take_ready()
    }

    fn take_ready(&mut self) -> Result<Vec<frame::Video>, Cause> {
        let mut output = self.graph.get("out").ok_or(ffmpeg::Error::FilterNotFound)?;
        let mut ready = Vec::new();
        loop {
            let mut picture = frame::Video::empty();
            match output.sink().frame(&mut picture) {
                Ok(()) => ready.push(picture),
                Err(ffmpeg::Error::Eof | ffmpeg::Error::Other { errno: ffmpeg::error::EAGAIN }) => return Ok(ready),
                Err(error) => return Err(error.into()),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use image::Rgb;

    use super::*;
    use crate::engine::Frame;
    use crate::postprocess::yuv420::Yuv420;

    const SIZE: Target = Target { width: 128, height: 64 };

    /// A textured square of 24 pixels on black, that far from the left.
    fn square(left: u32) -> Frame {
        let inside = |x: u32, y: u32| (left..left + 24).contains(&x) && (20..44).contains(&y);
        let texture = |x: u32, y: u32| 150 + ((x - left) / 4 * 7 + y / 4 * 11) as u8 % 100;
        Frame::from_fn(SIZE.width, SIZE.height, |x, y| Rgb([if inside(x, y) { texture(x, y) } else { 0 }; 3]))
    }

    /// Where a square is that goes right by 8 pixels a frame.
    fn right(frames: u32) -> Vec<u32> {
        (0..frames).map(|index| 16 + 8 * index).collect()
    }

    /// The pictures of squares at these places, at `rates`, cut to the length of the video.
    fn made(places: &[u32], rates: Rates, looped: bool) -> Vec<frame::Video> {
        crate::postprocess::start::start().unwrap();
        let mut interpolator = Interpolator::new(SIZE, rates, looped).unwrap();
        let converter = Yuv420::new(SIZE);
        let mut made = Vec::new();
        for left in places {
            made.extend(interpolator.push(converter.convert(&square(*left)).unwrap()).unwrap());
        }
        made.extend(interpolator.finish().unwrap());
        made.truncate(rates.frames(places.len() as u32) as usize);
        made
    }

    /// How bright each column is in the rows of the square, 0 to 219.
    fn columns(picture: &frame::Video) -> Vec<f64> {
        let (stride, luma) = (picture.stride(0), picture.data(0));
        let level = |x: usize| (24..40).map(|y| f64::from(luma[y * stride + x]) - 16.0).sum::<f64>() / 16.0;
        (0..SIZE.width as usize).map(level).collect()
    }

    /// Where the light is, in pixels from the left, and how many columns have any.
    fn place(picture: &frame::Video) -> (f64, usize) {
        let columns = columns(picture);
        let all: f64 = columns.iter().sum();
        let moment: f64 = columns.iter().enumerate().map(|(x, level)| x as f64 * level).sum();
        (moment / all, columns.iter().filter(|level| **level > 30.0).count())
    }

    #[test]
    fn every_length_at_every_rate_has_its_exact_number_of_frames() {
        for (drawn, shown) in [(24, 48), (8, 24), (24, 60), (24, 25), (16, 30), (25, 60)] {
            for frames in [1, 2, 3, 4, 7] {
                let rates = Rates { drawn, shown };
                let expected = (f64::from(frames) * f64::from(shown) / f64::from(drawn)).round() as usize;
                assert_eq!(made(&right(frames), rates, false).len(), expected, "{frames} frames, {drawn} to {shown}");
            }
        }
    }

    #[test]
    fn the_drawn_frames_stay_as_they_are() {
        let made = made(&right(8), Rates { drawn: 24, shown: 48 }, false);
        let converter = Yuv420::new(SIZE);
        for (index, left) in right(8).into_iter().enumerate() {
            let drawn = converter.convert(&square(left)).unwrap();
            assert_eq!(columns(&made[2 * index]), columns(&drawn), "frame {index}");
        }
    }

    #[test]
    fn a_frame_between_two_shows_the_square_once_and_half_way() {
        let made = made(&right(8), Rates { drawn: 24, shown: 48 }, false);
        for index in [4, 6, 8] {
            let [before, between, after] = [&made[index], &made[index + 1], &made[index + 2]].map(place);
            let middle = f64::midpoint(before.0, after.0);
            assert!((between.0 - middle).abs() < 1.5, "frame {index}: {before:?}, {between:?}, {after:?}");
            // A blend of the two would light 32 columns.
            assert!(between.1.abs_diff(24) <= 4, "frame {index}: {} columns", between.1);
        }
    }

    #[test]
    fn after_the_last_frame_of_a_loop_comes_the_first() {
        let rates = Rates { drawn: 24, shown: 48 };
        // There and back: it is on its way from 24 to 16 when the video ends.
        let places = [16, 24, 32, 40, 32, 24];
        let (ended, looped) = (made(&places, rates, false), made(&places, rates, true));
        assert_eq!((ended.len(), looped.len()), (12, 12));
        let last = place(&ended[10]).0;
        assert!((place(&ended[11]).0 - last).abs() < 0.5, "the last frame stays");
        assert!((place(&looped[11]).0 - (last - 4.0)).abs() < 1.0, "it is half way to the first");
    }

    #[test]
    fn no_frames_are_no_frames() {
        assert!(made(&[], Rates { drawn: 24, shown: 48 }, true).is_empty());
    }
}
