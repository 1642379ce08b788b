//! Engines that draw nothing worth seeing.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use clipmill_shared::tier::Tier;
use clipmill_worker::engine::{Engine, EngineError, Frame, FrameSink, Request, Watch};
use clipmill_worker::env::Engines;
use tokio::sync::mpsc::UnboundedSender;

/// An engine for every tier.
pub(crate) fn for_all_tiers(engine: Arc<dyn Engine>) -> Engines {
    Tier::ALL.into_iter().map(|tier| (tier, engine.clone())).collect()
}

/// Says when it was called, and refuses: nothing is encoded, the job ends at once.
pub(crate) struct Doorbell(pub(crate) UnboundedSender<Instant>);

impl Engine for Doorbell {
    fn name(&self) -> &str {
        "doorbell"
    }

    fn render(&self, _: &Request, _: &Watch, _: &mut dyn FrameSink) -> Result<(), EngineError> {
        // Nobody listens any more when the measurement is over.
        let _ = self.0.send(Instant::now());
        Err(EngineError::Rejected("nothing is drawn here".to_owned()))
    }
}

/// Takes a fixed time for a video, delivers its frames evenly through it, and remembers when it was at work.
pub(crate) struct Steady {
    lasts: Duration,
    busy: Mutex<Vec<(Instant, Instant)>>,
}

impl Steady {
    /// An engine that takes so long for every video.
    pub(crate) fn new(lasts: Duration) -> Self {
        Self { lasts, busy: Mutex::default() }
    }

    /// From when to when it was at work, video by video.
    pub(crate) fn busy(&self) -> Vec<(Instant, Instant)> {
        self.busy.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Engine for Steady {
    fn name(&self) -> &str {
        "steady"
    }

    fn render(&self, request: &Request, watch: &Watch, out: &mut dyn FrameSink) -> Result<(), EngineError> {
        let started = Instant::now();
        for number in 1..=request.frames {
            let due = started + self.lasts * number / request.frames;
            std::thread::sleep(due.saturating_duration_since(Instant::now()));
            watch.progress(number, request.frames);
            out.push(Frame::new(request.width, request.height))?;
        }
        self.busy.lock().unwrap_or_else(PoisonError::into_inner).push((started, Instant::now()));
        Ok(())
    }
}
