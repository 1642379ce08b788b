//! What a customer may expect: how many jobs are ahead, and when the video will be there.
//!
//! Both follow from one view of the queue and the fleet that all polls of a process share: a poll costs no query of its own
//! for them. Where taking the view is cheap it is taken often; it never costs more than a twentieth of the time.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use sqlx::PgPool;
use tokio::sync::Mutex;
use tokio::time::Instant;

use super::line::{self, Line, Place, Waiting};
use super::{Job, JobStatus};
use crate::db;
use crate::fleet::{self, Fleet};
use crate::tier::Tier;

/// A view serves for so many times as long as it took to take it, and no longer than this.
const VIEW_SERVES: u32 = 20;
const VIEW_MAX_AGE: Duration = Duration::from_secs(1);

/// What may be expected of a job that has not ended.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Expectation {
    /// How many jobs are ahead of it while it waits.
    pub position: Option<u64>,
    /// Whether that is an estimate.
    pub is_estimate: bool,
    /// Seconds until it will be completed; none while nobody who could do it is there, or nothing was measured yet.
    pub eta_seconds: Option<u64>,
}

/// The shared view.
#[derive(Debug, Clone)]
pub struct Outlook {
    pool: PgPool,
    view: Arc<Mutex<Option<View>>>,
}

#[derive(Debug, Clone)]
struct View {
    taken: Instant,
    serves: Duration,
    line: Arc<Line>,
    fleet: Arc<Fleet>,
    /// What a job of each tier waits, by how many of the line are ahead of it.
    waits: Arc<BTreeMap<Tier, Vec<f64>>>,
}

impl Outlook {
    /// A view of what is in this database.
    pub fn new(pool: PgPool) -> Self {
        Self { pool, view: Arc::default() }
    }

    /// What may be expected of a job.
    pub async fn of(&self, job: &Job) -> Result<Expectation, sqlx::Error> {
        match job.status {
            JobStatus::Queued if job.virtual_start.is_finite() => {
                let view = self.view(Some(&Waiting::of(job))).await?;
                let place = view.line.place(&Waiting::of(job), &view.fleet.tiers_beside(job.tier));
                let waits = view.waits.get(&job.tier).map_or(&[][..], Vec::as_slice);
                let eta = eta_queued(&view.fleet, waits, &place, job.tier, job.cost());
                Ok(Expectation {
                    position: Some(place.position),
                    is_estimate: place.is_estimate,
                    eta_seconds: whole(eta),
                })
            }
            JobStatus::InProgress => {
                let fleet = self.view(None).await?.fleet;
                let eta = eta_running(&fleet, job.tier, job.cost(), f64::from(job.progress) / 100.0);
                Ok(Expectation { eta_seconds: whole(eta), ..Expectation::default() })
            }
            _ => Ok(Expectation::default()),
        }
    }

    /// The fleet as it was seen lately.
    pub async fn fleet(&self) -> Result<Arc<Fleet>, sqlx::Error> {
        Ok(self.view(None).await?.fleet)
    }

    /// A view that is fresh and has the job in it, if one is named: a job that was just submitted is in no view before.
    async fn view(&self, job: Option<&Waiting>) -> Result<View, sqlx::Error> {
        let asked = Instant::now();
        let mut shared = self.view.lock().await;
        if let Some(view) = &*shared {
            let is_fresh = view.taken.elapsed() < view.serves && job.is_none_or(|job| view.line.covers(job));
            if is_fresh || view.taken >= asked {
                return Ok(view.clone());
            }
        }
        let taken = Instant::now();
        let (line, fleet) =
            db::within(async { tokio::try_join!(line::read(&self.pool), fleet::read(&self.pool)) }).await?;
        let waits_of = |tier: Tier| (tier, waits(&fleet, tier, line.turns(&fleet.tiers_beside(tier))));
        let waits = Arc::new(Tier::ALL.into_iter().map(waits_of).collect());
        let serves = (taken.elapsed() * VIEW_SERVES).min(VIEW_MAX_AGE);
        let view = View { taken, serves, line: Arc::new(line), fleet: Arc::new(fleet), waits };
        *shared = Some(view.clone());
        Ok(view)
    }
}

fn whole(seconds: Option<f64>) -> Option<u64> {
    seconds.filter(|seconds| seconds.is_finite()).map(|seconds| seconds.ceil().max(0.0) as u64)
}

/// In how many seconds a GPU is free for a job of the tier, by how many of these turns are ahead of it: each turn goes to the GPU
/// that is free first among those that serve it. Empty while nobody serves the tier, or nothing was measured yet.
fn waits(fleet: &Fleet, tier: Tier, turns: impl Iterator<Item = Tier>) -> Vec<f64> {
    let Some(own) = fleet.paces.get(&tier) else { return Vec::new() };
    let held = |tier: Tier| fleet.paces.get(&tier).unwrap_or(own).gpu_seconds;
    let mut gpus = Gpus::of(fleet, held);
    let mut waits: Vec<f64> = gpus.first_free(tier).into_iter().collect();
    for turn in turns {
        gpus.take(turn, held(turn));
        waits.extend(gpus.first_free(tier));
    }
    waits
}

/// Seconds until a job at this place will be completed. Beyond what is known of the line the wait grows with the place.
fn eta_queued(fleet: &Fleet, waits: &[f64], place: &Place, tier: Tier, cost: f64) -> Option<f64> {
    let wait = waits.get(place.known)?;
    let unknown = place.position as f64 / (place.known as f64).max(1.0);
    Some(wait * unknown.max(1.0) + fleet.paces.get(&tier)?.unit_seconds * cost)
}

/// Seconds until a job that is so far, 0 to 1, will be completed.
fn eta_running(fleet: &Fleet, tier: Tier, cost: f64, done: f64) -> Option<f64> {
    Some(fleet.paces.get(&tier)?.unit_seconds * cost * (1.0 - done))
}

/// The GPUs of a fleet: what each serves, and in how many seconds it is free.
struct Gpus<'a>(Vec<(&'a [Tier], f64)>);

impl<'a> Gpus<'a> {
    /// Those of the live workers, busy with what is being rendered.
    fn of(fleet: &'a Fleet, held: impl Fn(Tier) -> f64) -> Self {
        let of_worker = |worker: &'a fleet::Worker| (0..worker.gpus).map(|_| (worker.tiers.as_slice(), 0.0));
        let mut gpus = Self(fleet.workers.iter().flat_map(of_worker).collect());
        for running in &fleet.running {
            gpus.take(running.tier, held(running.tier) * (1.0 - running.done));
        }
        gpus
    }

    /// Gives the GPU of the tier that is free first so much work.
    fn take(&mut self, tier: Tier, seconds: f64) {
        if let Some((_, free)) = self.serving(tier).min_by(|one, other| one.1.total_cmp(&other.1)) {
            *free += seconds;
        }
    }

    fn first_free(&mut self, tier: Tier) -> Option<f64> {
        self.serving(tier).map(|(_, free)| *free).min_by(f64::total_cmp)
    }

    fn serving(&mut self, tier: Tier) -> impl Iterator<Item = &mut (&'a [Tier], f64)> {
        self.0.iter_mut().filter(move |(tiers, _)| tiers.contains(&tier))
    }
}

#[cfg(test)]
mod tests;
