//! An engine that stops half-way until the test lets it go on, so that a fault strikes exactly there.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex};

use clipmill_shared::tier::Tier;
use clipmill_worker::engine::{Engine, EngineError, Frame, FrameSink, Request, Watch};
use clipmill_worker::env::Engines;

/// A gate in the middle of every render.
#[derive(Default)]
pub struct Gate {
    reached: AtomicBool,
    open: Mutex<bool>,
    bell: Condvar,
}

impl Gate {
    /// A closed gate.
    pub fn closed() -> Arc<Self> {
        Arc::default()
    }

    /// Engines for every tier that wait at this gate.
    pub fn engines(self: &Arc<Self>) -> Engines {
        let engine: Arc<dyn Engine> = Arc::new(Gated(self.clone()));
        Tier::ALL.into_iter().map(|tier| (tier, engine.clone())).collect()
    }

    /// Whether a render waits here, or did.
    pub fn is_reached(&self) -> bool {
        self.reached.load(Ordering::SeqCst)
    }

    /// Lets every render pass, this one and those to come.
    pub fn open(&self) {
        *self.open.lock().expect("the lock") = true;
        self.bell.notify_all();
    }

    fn pass(&self) {
        self.reached.store(true, Ordering::SeqCst);
        let closed = |open: &mut bool| !*open;
        drop(self.bell.wait_while(self.open.lock().expect("the lock"), closed));
    }
}

struct Gated(Arc<Gate>);

impl Engine for Gated {
    fn name(&self) -> &str {
        "gated"
    }

    fn render(&self, request: &Request, watch: &Watch, out: &mut dyn FrameSink) -> Result<(), EngineError> {
        for number in 0..request.frames {
            if number == request.frames / 2 {
                self.0.pass();
            }
            if watch.stopped() {
                return Err(EngineError::Stopped);
            }
            out.push(Frame::new(request.width, request.height))?;
        }
        Ok(())
    }
}
