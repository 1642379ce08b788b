//! A chain of FFmpeg's filters: frames go in at one end and come out at the other.

use ffmpeg_next as ffmpeg;
use ffmpeg_next::Frame;
use ffmpeg_next::filter::{Context, Graph};

use super::error::Cause;

const IN: &str = "in";
const OUT: &str = "out";

/// Filters with one way in and one way out. What comes out must be taken before more goes in, or it piles up.
pub(super) struct Chain {
    graph: Graph,
}

impl Chain {
    /// Filters for pictures, in FFmpeg's notation; `input` describes what goes in, as its `buffer` source wants it.
    pub(super) fn of_pictures(input: &str, filters: &str) -> Result<Self, Cause> {
        Self::open(["buffer", "buffersink"], input, filters)
    }

    /// Filters for sound; `input` describes what goes in, as FFmpeg's `abuffer` source wants it.
    pub(super) fn of_sound(input: &str, filters: &str) -> Result<Self, Cause> {
        Self::open(["abuffer", "abuffersink"], input, filters)
    }

    fn open([source, sink]: [&str; 2], input: &str, filters: &str) -> Result<Self, Cause> {
        let mut graph = Graph::new();
        for (filter, name, options) in [(source, IN, input), (sink, OUT, "")] {
            let found = ffmpeg::filter::find(filter);
            let found = found.ok_or_else(|| format!("this FFmpeg was built without {filter}"))?;
            graph.add(&found, name, options)?;
        }
        graph.output(IN, 0)?.input(OUT, 0)?.parse(filters)?;
        graph.validate()?;
        Ok(Self { graph })
    }

    /// Puts a frame in. Its content is gone from it afterwards.
    pub(super) fn push(&mut self, frame: &Frame) -> Result<(), ffmpeg::Error> {
        self.end(IN)?.source().add(frame)
    }

    /// Says that the last frame ended at `time` of the input's clock, and that no more comes.
    pub(super) fn close(&mut self, time: i64) -> Result<(), ffmpeg::Error> {
        self.end(IN)?.source().close(time)
    }

    /// Takes the next frame out. Says whether there was one.
    pub(super) fn take(&mut self, frame: &mut Frame) -> Result<bool, ffmpeg::Error> {
        match self.end(OUT)?.sink().frame(frame) {
            Ok(()) => Ok(true),
            Err(ffmpeg::Error::Eof | ffmpeg::Error::Other { errno: ffmpeg::error::EAGAIN }) => Ok(false),
            Err(error) => Err(error),
        }
    }

    fn end(&mut self, name: &str) -> Result<Context, ffmpeg::Error> {
        self.graph.get(name).ok_or(ffmpeg::Error::FilterNotFound)
    }
}
