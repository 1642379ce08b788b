//! The GPUs of this worker: one permit each, and which model each has loaded.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use anyhow::Context as _;
use clipmill_shared::tier::Tier;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::engine::Engine;
use crate::env::Engines;

/// All GPUs.
pub(crate) struct Gpus {
    count: u32,
    permits: Arc<Semaphore>,
    free: Mutex<Vec<Gpu>>,
    /// Most jobs in a row that a GPU takes for its loaded model while others wait.
    streak_max: u32,
}

/// One GPU.
#[derive(Default)]
struct Gpu {
    loaded: Option<Arc<dyn Engine>>,
    streak: u32,
}

/// The right to use one GPU. It is free again when the value is dropped.
pub(crate) struct Held {
    gpu: Gpu,
    gpus: Arc<Gpus>,
    since: Instant,
    _permit: OwnedSemaphorePermit,
}

impl Gpus {
    /// So many GPUs, all free.
    pub(crate) fn new(count: u32, streak_max: u32) -> Arc<Self> {
        let free = (0..count).map(|_| Gpu::default()).collect();
        Arc::new(Self { count, permits: Arc::new(Semaphore::new(count as usize)), free: Mutex::new(free), streak_max })
    }

    /// Waits for a free GPU.
    pub(crate) async fn take(self: &Arc<Self>) -> anyhow::Result<Held> {
        let permit = self.permits.clone().acquire_owned().await.context("there is no GPU")?;
        let gpu = self.free.lock().unwrap_or_else(PoisonError::into_inner).pop().unwrap_or_default();
        Ok(Held { gpu, gpus: self.clone(), since: Instant::now(), _permit: permit })
    }

    /// Waits until none is in use.
    pub(crate) async fn idle(&self) {
        // The semaphore is never closed; if it were, none would be in use.
        let _ = self.permits.acquire_many(self.count).await;
    }
}

impl Held {
    /// The tiers whose jobs this GPU should take first, for it has their model loaded: none when it took enough of them in a row,
    /// and none when that would be all, for then the fair order holds.
    pub(crate) fn preferred(&self, engines: &Engines, tiers: &[Tier]) -> Vec<Tier> {
        let Some(loaded) = self.gpu.loaded.as_ref().filter(|_| self.gpu.streak < self.gpus.streak_max) else {
            return Vec::new();
        };
        let is_loaded = |tier: &Tier| engines.get(tier).is_some_and(|engine| Arc::ptr_eq(engine, loaded));
        let preferred: BTreeSet<Tier> = tiers.iter().copied().filter(is_loaded).collect();
        if preferred.len() == tiers.len() { Vec::new() } else { preferred.into_iter().collect() }
    }

    /// Notes that this GPU has taken a job for this model, and when.
    pub(crate) fn takes(&mut self, engine: &Arc<dyn Engine>) {
        let is_loaded = self.gpu.loaded.as_ref().is_some_and(|loaded| Arc::ptr_eq(loaded, engine));
        self.gpu.streak = if is_loaded { self.gpu.streak.saturating_add(1) } else { 1 };
        self.gpu.loaded = Some(engine.clone());
        self.since = Instant::now();
    }

    /// How long it has been at work on the job that it took.
    pub(crate) fn busy_for(&self) -> Duration {
        self.since.elapsed()
    }
}

impl Drop for Held {
    /// The GPU first, then the permit to take it.
    fn drop(&mut self) {
        self.gpus.free.lock().unwrap_or_else(PoisonError::into_inner).push(std::mem::take(&mut self.gpu));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::preview::PreviewEngine;

    fn engine() -> Arc<dyn Engine> {
        Arc::new(PreviewEngine::new())
    }

    #[tokio::test]
    async fn a_gpu_prefers_its_loaded_model_for_a_while_and_then_the_fair_order() {
        let engines: Engines = [(Tier::Fast, engine()), (Tier::Pro, engine())].into();
        let gpus = Gpus::new(1, 3);
        for took in 0..3 {
            let mut held = gpus.take().await.expect("a GPU");
            assert_eq!(held.preferred(&engines, &Tier::ALL), if took == 0 { vec![] } else { vec![Tier::Fast] });
            held.takes(&engines[&Tier::Fast]);
        }
        let mut held = gpus.take().await.expect("a GPU");
        assert!(held.preferred(&engines, &Tier::ALL).is_empty(), "it took three in a row");
        held.takes(&engines[&Tier::Pro]);
        assert_eq!(held.preferred(&engines, &Tier::ALL), [Tier::Pro]);
    }

    #[tokio::test]
    async fn one_model_for_all_tiers_leaves_the_fair_order_alone() {
        let shared = engine();
        let engines: Engines = Tier::ALL.into_iter().map(|tier| (tier, shared.clone())).collect();
        let mut held = Gpus::new(1, 3).take().await.expect("a GPU");
        held.takes(&shared);
        assert!(held.preferred(&engines, &Tier::ALL).is_empty());
    }
}
