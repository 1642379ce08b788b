//! An engine that never ends by itself.

use clipmill_worker::engine::{Engine, EngineError, FrameSink, Request, Watch};

/// Renders until it is told to stop.
#[derive(Debug)]
pub struct Endless;

impl Engine for Endless {
    fn name(&self) -> &str {
        "endless"
    }

    fn render(&self, _: &Request, watch: &Watch, _: &mut dyn FrameSink) -> Result<(), EngineError> {
        while !watch.stopped() {
            std::thread::yield_now();
        }
        Err(EngineError::Stopped)
    }
}
