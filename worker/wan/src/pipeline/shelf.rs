//! Components that are kept once they are loaded, or dropped after use where memory is short.

use std::sync::{Arc, Mutex, PoisonError};

use crate::error::Result;

/// Room for one component.
pub(super) struct Shelf<T> {
    kept: Mutex<Option<Arc<T>>>,
    keeps: bool,
}

impl<T> Shelf<T> {
    /// An empty one. `keeps` says whether what is taken is still there the next time.
    pub(super) fn new(keeps: bool) -> Self {
        Self { kept: Mutex::default(), keeps }
    }

    /// Whether one is there.
    pub(super) fn is_filled(&self) -> bool {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner).is_some()
    }

    /// What is kept, or else what `load` brings. Whoever comes meanwhile waits for it.
    pub(super) fn take(&self, load: impl FnOnce() -> Result<T>) -> Result<Arc<T>> {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(component) = &*kept {
            return Ok(component.clone());
        }
        let component = Arc::new(load()?);
        if self.keeps {
            *kept = Some(component.clone());
        }
        Ok(component)
    }
}
