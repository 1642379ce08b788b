//! The second expert is read while the first is at work.

use std::sync::atomic::{AtomicBool, Ordering};

use super::model::{Expert, Model};
use crate::error::Result;
use crate::folder::Part;
use crate::watch::Watch;

/// Does `work`, which comes to need both experts, and reads the second meanwhile if both have room.
pub(super) fn beside<T>(model: &Model, watch: &dyn Watch, work: impl FnOnce() -> Result<T>) -> Result<T> {
    let both_stay = [Part::Transformer, Part::Transformer2].iter().all(|part| model.kept().contains(part));
    if !both_stay || model.loaded().contains(&Part::Transformer2) {
        return work();
    }
    // The first one first: it is waited for.
    model.transformer(Expert::High, watch)?;
    let until = Until { watch, ended: AtomicBool::new(false) };
    std::thread::scope(|scope| {
        // What goes wrong there comes up again when the expert is needed.
        scope.spawn(|| drop(model.transformer(Expert::Low, &until)));
        let done = work();
        until.ended.store(true, Ordering::Relaxed);
        done
    })
}

/// Stops with the render that it helps, and reports no progress beside that of the render.
struct Until<'a> {
    watch: &'a dyn Watch,
    ended: AtomicBool,
}

impl Watch for Until<'_> {
    fn stopped(&self) -> bool {
        self.ended.load(Ordering::Relaxed) || self.watch.stopped()
    }
}
