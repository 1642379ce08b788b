//! Embeddings that may be asked for again: the negative prompt's always, a prompt's when somebody rolls the dice again.

use std::collections::VecDeque;
use std::hash::{BuildHasher, RandomState};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use candle_core::Tensor;

/// How many embeddings are kept. At UMT5-XXL's width, 512 tokens in bf16 take 4 MiB.
const KEPT: usize = 32;

/// The embeddings of the texts that were asked for last. Clones share them, so that they outlive a text encoder which is
/// dropped to make room.
///
/// Texts themselves are not kept, only hashes under a key that differs from run to run.
#[derive(Clone)]
pub struct Embeddings {
    capacity: usize,
    key: RandomState,
    entries: Arc<Mutex<VecDeque<(u64, Tensor)>>>,
}

impl Default for Embeddings {
    fn default() -> Self {
        Self::new(KEPT)
    }
}

impl Embeddings {
    /// Room for `capacity` embeddings.
    fn new(capacity: usize) -> Self {
        Self { capacity, key: RandomState::new(), entries: Arc::default() }
    }

    /// The embedding of a cleaned `text` cut to `length` tokens, if it is still there.
    pub(super) fn get(&self, text: &str, length: usize) -> Option<Tensor> {
        let hash = self.key.hash_one((text, length));
        let mut entries = self.entries();
        let place = entries.iter().position(|(key, _)| *key == hash)?;
        let entry = entries.remove(place)?;
        let embedding = entry.1.clone();
        entries.push_back(entry);
        Some(embedding)
    }

    /// Keeps `embedding`, in the place of the one that was not asked for longest.
    pub(super) fn put(&self, text: &str, length: usize, embedding: &Tensor) {
        let hash = self.key.hash_one((text, length));
        let mut entries = self.entries();
        entries.retain(|(key, _)| *key != hash);
        entries.push_back((hash, embedding.clone()));
        while entries.len() > self.capacity {
            entries.pop_front();
        }
    }

    fn entries(&self) -> MutexGuard<'_, VecDeque<(u64, Tensor)>> {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use candle_core::{Device, Tensor};

    use super::Embeddings;

    fn found(cache: &Embeddings, text: &str) -> Option<f32> {
        cache.get(text, 512).map(|tensor| tensor.to_scalar().unwrap())
    }

    #[test]
    fn the_text_that_was_not_asked_for_longest_is_forgotten() {
        let cache = Embeddings::new(2);
        let put = |text, value: f32| cache.put(text, 512, &Tensor::new(value, &Device::Cpu).unwrap());
        put("one", 1.0);
        put("two", 2.0);
        assert_eq!(found(&cache, "one"), Some(1.0));
        put("three", 3.0);
        assert_eq!(found(&cache, "two"), None);
        assert_eq!((found(&cache, "one"), found(&cache, "three")), (Some(1.0), Some(3.0)));
        put("one", 4.0);
        assert_eq!((found(&cache, "one"), found(&cache, "three")), (Some(4.0), Some(3.0)));
    }

    #[test]
    fn a_text_cut_elsewhere_is_another_text() {
        let cache = Embeddings::new(2);
        cache.put("one", 16, &Tensor::new(1f32, &Device::Cpu).unwrap());
        assert!(cache.get("one", 512).is_none());
        assert!(cache.get("one", 16).is_some());
    }
}
