//! First-block caching: steps at which the first block's work hardly changed borrow the rest from the step before.

use candle_core::{DType, Result, Tensor};

/// What one sequence of forward passes remembers; the passes with and without the prompt have one each.
///
/// The first block tells by how much a step differs from the last one that was computed: where the relative change of
/// what it adds is within the threshold, what the other blocks added then is added again. To be
/// [reset](Self::reset) for every render and when the network is changed for another.
#[derive(Debug)]
pub struct StepCache {
    threshold: f64,
    last: Option<Change>,
    hits: usize,
}

/// What the blocks added to the tokens when they were last computed.
#[derive(Debug)]
struct Change {
    first: Tensor,
    rest: Tensor,
}

impl StepCache {
    /// With the largest relative change at which the other blocks are skipped; 0.05 is cautious, 0.1 is fast.
    pub fn new(threshold: f64) -> Self {
        Self { threshold, last: None, hits: 0 }
    }

    /// Forgets everything.
    pub fn reset(&mut self) {
        self.last = None;
        self.hits = 0;
    }

    /// The passes, since the last reset, that skipped all blocks but the first.
    pub fn hits(&self) -> usize {
        self.hits
    }

    /// What to add to the first block's output `after` in place of computing the other blocks, if that is good enough.
    pub(super) fn recall(&mut self, before: &Tensor, after: &Tensor) -> Result<Option<&Tensor>> {
        let Some(last) = self.last.as_ref().filter(|last| last.first.dims() == after.dims()) else { return Ok(None) };
        let first = (after - before)?;
        let change = mean_magnitude(&(first - &last.first)?)? / mean_magnitude(&last.first)?;
        if change > self.threshold || change.is_nan() {
            return Ok(None);
        }
        self.hits += 1;
        Ok(Some(&last.rest))
    }

    /// Remembers a pass: the tokens before the first block, after it, and after the last one.
    pub(super) fn store(&mut self, before: &Tensor, after: &Tensor, end: &Tensor) -> Result<()> {
        self.last = Some(Change { first: (after - before)?, rest: (end - after)? });
        Ok(())
    }
}

fn mean_magnitude(x: &Tensor) -> Result<f64> {
    Ok(f64::from(x.to_dtype(DType::F32)?.abs()?.mean_all()?.to_scalar::<f32>()?))
}

#[cfg(test)]
mod tests {
    use candle_core::{Device, Result, Tensor};

    use super::*;

    fn tokens(value: f32) -> Result<Tensor> {
        Tensor::full(value, (4, 2), &Device::Cpu)
    }

    #[test]
    fn a_small_change_of_the_first_block_brings_back_the_rest() -> Result<()> {
        let mut cache = StepCache::new(0.05);
        assert!(cache.recall(&tokens(0.)?, &tokens(1.)?)?.is_none());
        cache.store(&tokens(0.)?, &tokens(1.)?, &tokens(8.)?)?;
        let rest = cache.recall(&tokens(3.)?, &tokens(4.04)?)?.cloned();
        assert_eq!(rest.map(|rest| rest.to_vec2::<f32>()).transpose()?, Some(vec![vec![7.; 2]; 4]));
        assert!(cache.recall(&tokens(3.)?, &tokens(4.06)?)?.is_none());
        assert_eq!(cache.hits(), 1);
        Ok(())
    }

    #[test]
    fn after_a_reset_nothing_is_remembered() -> Result<()> {
        let mut cache = StepCache::new(0.05);
        cache.store(&tokens(0.)?, &tokens(1.)?, &tokens(8.)?)?;
        cache.reset();
        assert!(cache.recall(&tokens(0.)?, &tokens(1.)?)?.is_none());
        Ok(())
    }

    #[test]
    fn a_video_of_another_size_is_computed() -> Result<()> {
        let mut cache = StepCache::new(0.05);
        cache.store(&tokens(0.)?, &tokens(1.)?, &tokens(8.)?)?;
        let (before, after) = (tokens(0.)?.narrow(0, 0, 2)?, tokens(1.)?.narrow(0, 0, 2)?);
        assert!(cache.recall(&before, &after)?.is_none());
        Ok(())
    }
}
