//! The estimates against a fleet that is simulated turn by turn.

use std::collections::BTreeMap;

use super::*;
use crate::fleet::{Pace, Running, Worker};

const FAST: Pace = Pace { gpu_seconds: 10.0, unit_seconds: 3.0 };
const PRO: Pace = Pace { gpu_seconds: 40.0, unit_seconds: 5.0 };

fn fleet(workers: &[(&[Tier], u32)], running: &[(Tier, f64)]) -> Fleet {
    Fleet {
        workers: workers.iter().map(|(tiers, gpus)| Worker { tiers: tiers.to_vec(), gpus: *gpus }).collect(),
        paces: BTreeMap::from([(Tier::Fast, FAST), (Tier::Pro, PRO)]),
        running: running.iter().map(|(tier, done)| Running { tier: *tier, done: *done }).collect(),
        ..Fleet::default()
    }
}

fn seconds(tier: Tier) -> f64 {
    if tier == Tier::Fast { FAST.gpu_seconds } else { PRO.gpu_seconds }
}

/// When each job of a queue is taken: whichever GPU is free next takes the first job that it serves.
fn taken_at(fleet: &Fleet, queue: &[Tier]) -> Vec<f64> {
    let mut gpus: Vec<(Vec<Tier>, f64)> =
        fleet.workers.iter().flat_map(|worker| (0..worker.gpus).map(|_| (worker.tiers.clone(), 0.0))).collect();
    for running in &fleet.running {
        let gpu = gpus.iter_mut().find(|(tiers, busy)| *busy == 0.0 && tiers.contains(&running.tier));
        gpu.expect("a GPU for what runs").1 = seconds(running.tier) * (1.0 - running.done);
    }
    let mut taken = vec![f64::NAN; queue.len()];
    while !gpus.is_empty() {
        let next = (0..gpus.len()).min_by(|a, b| gpus[*a].1.total_cmp(&gpus[*b].1)).expect("a GPU");
        let job = (0..queue.len()).find(|job| taken[*job].is_nan() && gpus[next].0.contains(&queue[*job]));
        match job {
            Some(job) => {
                taken[job] = gpus[next].1;
                gpus[next].1 += seconds(queue[job]);
            }
            // Nothing is left that this GPU serves.
            None => _ = gpus.swap_remove(next),
        }
    }
    taken
}

/// What is expected of a job behind these, when all of the line is known.
fn eta(fleet: &Fleet, ahead: &[Tier], tier: Tier, cost: f64) -> Option<f64> {
    let place = Place { position: ahead.len() as u64, is_estimate: false, known: ahead.len() };
    eta_queued(fleet, &waits(fleet, tier, ahead.iter().copied()), &place, tier, cost)
}

#[test]
fn the_estimate_is_within_one_job_of_what_a_simulated_fleet_does() {
    let both: &[Tier] = &Tier::ALL;
    let fleets = [
        fleet(&[(both, 1)], &[(Tier::Pro, 0.25)]),
        fleet(&[(both, 4)], &[(Tier::Fast, 0.5), (Tier::Pro, 0.1)]),
        fleet(&[(&[Tier::Fast], 2), (&[Tier::Pro], 3)], &[(Tier::Pro, 0.9)]),
        fleet(&[(both, 1), (&[Tier::Fast], 2), (&[Tier::Pro], 1)], &[(Tier::Fast, 0.0), (Tier::Pro, 0.6)]),
    ];
    for fleet in &fleets {
        for mix in [2, 3, 7] {
            let queue: Vec<Tier> = (0..120).map(|n| Tier::ALL[usize::from(n * 5 % mix == 0)]).collect();
            let taken = taken_at(fleet, &queue);
            for (job, tier) in queue.iter().enumerate() {
                let beside = fleet.tiers_beside(*tier);
                let ahead: Vec<Tier> = queue[..job].iter().filter(|tier| beside.contains(tier)).copied().collect();
                let eta = eta(fleet, &ahead, *tier, 2.0).expect("a fleet and a pace");
                let really = taken[job] + fleet.paces[tier].unit_seconds * 2.0;
                assert!((eta - really).abs() <= PRO.gpu_seconds, "job {job}, {tier}: {eta} for {really}");
            }
        }
    }
}

#[test]
fn more_workers_shorten_the_wait_and_progress_shortens_the_rest() {
    let ahead = [Tier::Fast; 60];
    let eta_with = |gpus| eta(&fleet(&[(&Tier::ALL, gpus)], &[]), &ahead, Tier::Fast, 1.0);
    assert_eq!(eta_with(1), Some(60.0 * 10.0 + 3.0));
    assert_eq!(eta_with(6), Some(10.0 * 10.0 + 3.0));
    let running = fleet(&[(&Tier::ALL, 1)], &[]);
    assert_eq!(eta_running(&running, Tier::Pro, 2.0, 0.0), Some(10.0));
    assert_eq!(eta_running(&running, Tier::Pro, 2.0, 0.75), Some(2.5));
}

#[test]
fn nobody_to_do_it_or_nothing_measured_means_no_estimate() {
    let nobody = fleet(&[(&[Tier::Pro], 1)], &[]);
    assert_eq!(eta(&nobody, &[], Tier::Fast, 1.0), None);
    let unmeasured = Fleet { paces: BTreeMap::new(), ..fleet(&[(&Tier::ALL, 1)], &[]) };
    assert_eq!(eta(&unmeasured, &[], Tier::Fast, 1.0), None);
}

#[test]
fn beyond_what_is_known_of_the_line_the_wait_grows_with_the_place() {
    let fleet = fleet(&[(&Tier::ALL, 1)], &[]);
    let ahead = [Tier::Fast; 1000];
    let far = Place { position: 10_000, is_estimate: true, known: ahead.len() };
    let far = eta_queued(&fleet, &waits(&fleet, Tier::Fast, ahead.into_iter()), &far, Tier::Fast, 0.0);
    assert_eq!(far, eta(&fleet, &ahead, Tier::Fast, 0.0).map(|near| near * 10.0));
}
