//! Waiting for a job to change, without asking: whoever waits is woken by the bell of its job alone.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use sqlx::PgPool;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tracing::warn;

use crate::db;
use crate::id::JobId;

/// A bell may be lost with the process that was to ring it. This often, one statement looks for all who wait whether their job
/// has ended.
const LOOK_AGAIN: Duration = Duration::from_secs(60);

type Waiting = HashMap<JobId, watch::Sender<()>>;

/// Who waits for which job in this process. Cloned cheaply; every clone knows the same.
#[derive(Debug, Clone, Default)]
pub struct Watchers(Arc<Mutex<Waiting>>);

impl Watchers {
    /// Waits for this job from now on.
    pub fn watch(&self, job: JobId) -> Watching {
        let bell = self.waiting().entry(job).or_default().subscribe();
        Watching { watchers: self.clone(), job, bell }
    }

    /// How many jobs somebody waits for.
    pub fn len(&self) -> usize {
        self.waiting().len()
    }

    /// Whether nobody waits.
    pub fn is_empty(&self) -> bool {
        self.waiting().is_empty()
    }

    pub(crate) fn changed(&self, job: JobId) {
        if let Some(bell) = self.waiting().get(&job) {
            bell.send_replace(());
        }
    }

    pub(crate) fn changed_all(&self) {
        self.waiting().values().for_each(|bell| bell.send_replace(()));
    }

    /// Wakes those whose bell was lost, until `stop`. Asks nothing while nobody waits.
    pub async fn look_again(&self, pool: &PgPool, stop: &CancellationToken) {
        while stop.run_until_cancelled(tokio::time::sleep(LOOK_AGAIN)).await.is_some() {
            if let Err(error) = db::within(self.look(pool)).await {
                warn!(%error, "Could not look after the jobs that are waited for, trying again");
            }
        }
    }

    /// Wakes those whose job has ended or is gone, with one statement for all.
    pub async fn look(&self, pool: &PgPool) -> Result<(), sqlx::Error> {
        let jobs: Vec<JobId> = self.waiting().keys().copied().collect();
        if jobs.is_empty() {
            return Ok(());
        }
        let ids: Vec<_> = jobs.iter().map(|job| job.uuid()).collect();
        let ended = sqlx::query_scalar!(
            r#"
            select waiting.id as "id!: JobId" from unnest($1::uuid[]) as waiting (id)
            where not exists (select from jobs where jobs.id = waiting.id and status in ('queued', 'in_progress'))
            "#,
            &ids,
        );
        ended.fetch_all(pool).await?.into_iter().for_each(|job| self.changed(job));
        Ok(())
    }

    fn waiting(&self) -> MutexGuard<'_, Waiting> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One who waits for a job. Ends with the value.
#[derive(Debug)]
pub struct Watching {
    watchers: Watchers,
    job: JobId,
    bell: watch::Receiver<()>,
}

impl Watching {
    /// Comes back when the job may have changed since the last time.
    pub async fn changed(&mut self) {
        // The sender is there for as long as this is.
        let _ = self.bell.changed().await;
    }
}

impl Drop for Watching {
    fn drop(&mut self) {
        let mut waiting = self.watchers.waiting();
        if waiting.get(&self.job).is_some_and(|bell| bell.receiver_count() == 1) {
            waiting.remove(&self.job);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_bell_wakes_those_who_wait_for_its_job_and_nobody_is_kept_who_left() {
        let (watchers, one, other) = (Watchers::default(), JobId::new(), JobId::new());
        let (mut first, mut second, mut stranger) = (watchers.watch(one), watchers.watch(one), watchers.watch(other));
        watchers.changed(one);
        first.changed().await;
        second.changed().await;
        assert!(!stranger.bell.has_changed().expect("a bell"));
        watchers.changed_all();
        stranger.changed().await;
        drop(first);
        assert_eq!(watchers.len(), 2);
        drop((second, stranger));
        assert!(watchers.is_empty());
    }
}
