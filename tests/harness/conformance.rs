//! What every engine has to do, whichever it is.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use clipmill_worker::engine::{Engine, EngineError, Frame, FrameSink, Request, Sound, Watch};
use serde_json::Value;

use crate::video;

/// How long an engine may go on after it was told to stop: a step of it, on a busy machine.
const STEP: Duration = Duration::from_secs(30);

/// What an engine delivered.
#[derive(Debug, Default)]
struct Reel {
    frames: Vec<Frame>,
    film: Option<Vec<u8>>,
    /// Tells the engine to stop as soon as something is delivered.
    stops: Option<Watch>,
    /// Takes nothing.
    is_full: bool,
}

impl Reel {
    fn take(&mut self) -> Result<(), EngineError> {
        if let Some(watch) = &self.stops {
            watch.stop();
        }
        if self.is_full { Err(EngineError::Stopped) } else { Ok(()) }
    }
}

impl FrameSink for Reel {
    fn push(&mut self, frame: Frame) -> Result<(), EngineError> {
        self.frames.push(frame);
        self.take()
    }

    fn sound(&mut self, _: Sound) -> Result<(), EngineError> {
        Ok(())
    }

    fn file(&mut self, path: &Path) -> Result<(), EngineError> {
        self.film = Some(std::fs::read(path).expect("the file is there"));
        self.take()
    }
}

/// Puts an engine through all of it, with requests like `request`. It waits for the engine: not on a thread of a runtime.
///
/// # Panics
/// When the engine does not do what each has to.
pub fn conforms(engine: &Arc<dyn Engine>, request: &Request) {
    engine.warm_up(&Watch::default()).expect("it gets ready");
    assert!(engine.is_ready() && !engine.is_occupied());
    delivers_what_was_asked_for(engine, request);
    takes_a_picture_in_any_size(engine, request);
    stops_before_it_begins(engine, request);
    stops_where_it_is(engine, request);
    ends_when_nobody_takes_more(engine, request);
    // None of this may have spoilt it.
    delivers_what_was_asked_for(engine, request);
}

fn delivers_what_was_asked_for(engine: &Arc<dyn Engine>, request: &Request) {
    let (watch, mut reel) = (Watch::default(), Reel::default());
    engine.render(request, &watch, &mut reel).expect("a video");
    assert!(watch.percent() <= 100);
    assert!(watch.remote().is_none(), "what is delivered is rendered nowhere any more");
    match &reel.film {
        None => {
            assert_eq!(reel.frames.len() as u32, request.frames);
            assert!(reel.frames.iter().all(|frame| frame.dimensions() == (request.width, request.height)));
        }
        Some(film) => {
            assert!(reel.frames.is_empty(), "a file is delivered in place of frames");
            let stream = &video::ffprobe(film)["streams"][0];
            let seconds = |value: &Value| value.as_str().and_then(|text| text.parse::<f64>().ok()).expect("seconds");
            let wanted = f64::from(request.frames) / f64::from(request.fps);
            assert!(seconds(&stream["duration"]) > wanted - 0.5, "{stream}");
        }
    }
}

fn takes_a_picture_in_any_size(engine: &Arc<dyn Engine>, request: &Request) {
    if engine.offer().is_some_and(|offer| !offer.modes.contains(&clipmill_shared::jobs::Mode::ImageToVideo)) {
        return;
    }
    let first_frame = Some(Frame::from_pixel(request.width * 2, request.height * 2, image::Rgb([200, 40, 40])));
    let request = Request { first_frame, ..request.clone() };
    delivers_what_was_asked_for(engine, &request);
}

fn stops_before_it_begins(engine: &Arc<dyn Engine>, request: &Request) {
    let (watch, mut reel) = (Watch::default(), Reel::default());
    watch.stop();
    assert!(matches!(engine.render(request, &watch, &mut reel), Err(EngineError::Stopped)));
    assert!(reel.film.is_none());
}

/// Told to stop while it renders, or with its first frame.
fn stops_where_it_is(engine: &Arc<dyn Engine>, request: &Request) {
    let (watch, mut reel) = (Watch::default(), Reel::default());
    reel.stops = Some(watch.clone());
    let began = Instant::now();
    match engine.render(request, &watch, &mut reel) {
        Err(EngineError::Stopped) => assert!((reel.frames.len() as u32) < request.frames.max(2)),
        // One that delivers a file is done with that.
        Ok(()) => assert!(reel.film.is_some()),
        other => panic!("{other:?}"),
    }
    assert!(began.elapsed() < STEP, "{:?}", began.elapsed());
}

fn ends_when_nobody_takes_more(engine: &Arc<dyn Engine>, request: &Request) {
    let mut reel = Reel { is_full: true, ..Reel::default() };
    let end = engine.render(request, &Watch::default(), &mut reel);
    assert!(matches!(end, Err(EngineError::Stopped)), "{end:?}");
}
