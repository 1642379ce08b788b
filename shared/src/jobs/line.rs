//! The line: the next turns of the queue in claim order, read at once, from which the place of any job follows.

use std::cmp::{Ordering, Reverse};
use std::collections::{BTreeMap, HashMap, HashSet};

use sqlx::PgPool;

use super::Job;
use crate::id::{AccountId, JobId};
use crate::tier::Tier;

/// So many turns of each tier are read; places beyond are estimated.
pub const HEAD_MAX: usize = 1000;

/// A queued job as the queue sees it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Waiting {
    /// Names the job.
    pub id: JobId,
    /// Whom it belongs to.
    pub account_id: AccountId,
    /// Its tier.
    pub tier: Tier,
    /// Its turn in virtual time.
    pub virtual_start: f64,
    /// Which of the account's jobs of the tier takes the account's next turn: the highest, then the oldest.
    pub priority: i16,
}

/// Those who share turns: an account's jobs of a tier.
type Flow = (AccountId, Tier);

/// The next turns. Every poll of a queued job asks it, so nothing of it is walked but the job's own flow.
#[derive(Debug, Clone, Default)]
pub struct Line {
    /// Up to [`HEAD_MAX`] of each tier, in claim order.
    head: Vec<Waiting>,
    /// Where in the head each flow's turns are.
    flows: HashMap<Flow, Vec<usize>>,
    /// Where in the head each tier's turns are.
    tiers: BTreeMap<Tier, Vec<usize>>,
    /// Jobs that may take a turn of the head although their own comes later.
    urgent: HashMap<Flow, Vec<Waiting>>,
    /// Up to where each tier is known, if not to its end.
    known_until: Vec<(Tier, f64)>,
}

/// Where a job stands.
#[derive(Debug, Clone, PartialEq)]
pub struct Place {
    /// How many jobs are ahead.
    pub position: u64,
    /// Whether that is an estimate.
    pub is_estimate: bool,
    /// How many of those ahead are known: the first of [`Line::turns`].
    pub known: usize,
}

impl Waiting {
    /// A job of the ledger as the queue sees it.
    pub fn of(job: &Job) -> Self {
        let Job { id, account_id, tier, virtual_start, priority, .. } = *job;
        Self { id, account_id, tier, virtual_start, priority }
    }

    fn by_turn(&self, other: &Self) -> Ordering {
        self.virtual_start.total_cmp(&other.virtual_start).then(self.id.cmp(&other.id))
    }

    fn flow(&self) -> Flow {
        (self.account_id, self.tier)
    }

    /// Whether it takes an earlier turn of their account than `other`.
    fn goes_before(&self, other: &Self) -> bool {
        (Reverse(self.priority), self.id) < (Reverse(other.priority), other.id)
    }
}

impl Line {
    /// A line of these turns, of which each tier's were read up to the limit, and these urgent jobs.
    pub fn new(mut head: Vec<Waiting>, urgent: Vec<Waiting>) -> Self {
        head.sort_by(Waiting::by_turn);
        let mut line = Self { head, ..Self::default() };
        for (at, turn) in line.head.iter().enumerate() {
            line.flows.entry(turn.flow()).or_default().push(at);
            line.tiers.entry(turn.tier).or_default().push(at);
        }
        let known: HashSet<JobId> = line.head.iter().map(|turn| turn.id).collect();
        for job in urgent.into_iter().filter(|job| !known.contains(&job.id)) {
            line.urgent.entry(job.flow()).or_default().push(job);
        }
        let last_read = |(tier, turns): (&Tier, &Vec<usize>)| Some((*tier, *turns.get(HEAD_MAX - 1)?));
        let known_until = line.tiers.iter().filter_map(last_read);
        line.known_until = known_until.map(|(tier, at)| (tier, line.head[at].virtual_start)).collect();
        line
    }

    /// Whether the job is in here, or is beyond what was read.
    pub fn covers(&self, job: &Waiting) -> bool {
        let is_beyond = |(tier, until): &(Tier, f64)| *tier == job.tier && job.virtual_start >= *until;
        self.known_until.iter().any(is_beyond)
            || self.own(job).any(|turn| turn.id == job.id)
            || self.urgent(job).iter().any(|urgent| urgent.id == job.id)
    }

    /// The tiers of the turns that were read, in claim order, of those `beside` a job.
    pub fn turns(&self, beside: &[Tier]) -> impl Iterator<Item = Tier> {
        self.head.iter().map(|turn| turn.tier).filter(|tier| beside.contains(tier))
    }

    /// Where a job stands among those of the tiers `beside` it: its account's jobs that go before it take the account's first
    /// turns, and it takes the next one.
    pub fn place(&self, job: &Waiting, beside: &[Tier]) -> Place {
        let rivals = self.own(job).chain(self.urgent(job));
        let rank = rivals.filter(|rival| rival.id != job.id && rival.goes_before(job)).count();
        let own = self.own(job).nth(rank);
        // A turn that was not read is about where the job's own one is.
        let turn = own.unwrap_or(job);
        let before = self.head.partition_point(|other| other.by_turn(turn).is_lt());
        let turns = self.tiers.iter().filter(|(tier, _)| beside.contains(tier));
        let known: usize = turns.map(|(_, turns)| turns.partition_point(|at| *at < before)).sum();
        let beyond =
            self.known_until.iter().filter(|(tier, until)| beside.contains(tier) && turn.virtual_start > *until);
        let unread: f64 = beyond.clone().map(|(tier, until)| self.unread(*tier, *until, turn.virtual_start)).sum();
        let is_cut = self.known_until.iter().any(|(tier, _)| *tier == job.tier);
        let is_estimate = beyond.count() > 0 || (is_cut && (job.priority < 0 || own.is_none()));
        Place { position: known as u64 + unread as u64, is_estimate, known }
    }

    /// The turns of the job's flow.
    fn own(&self, job: &Waiting) -> impl Iterator<Item = &Waiting> {
        self.flows.get(&job.flow()).into_iter().flatten().map(|at| &self.head[*at])
    }

    /// The jobs of the job's flow that may take one of those turns.
    fn urgent(&self, job: &Waiting) -> &[Waiting] {
        self.urgent.get(&job.flow()).map_or(&[], Vec::as_slice)
    }

    /// How many turns of a tier there may be from where it was read until `virtual_start`, if they are as dense as those before.
    fn unread(&self, tier: Tier, until: f64, virtual_start: f64) -> f64 {
        let first = self.tiers.get(&tier).and_then(|turns| turns.first());
        let first = first.map_or(until, |at| self.head[*at].virtual_start);
        let density = HEAD_MAX as f64 / (until - first);
        if density.is_finite() { (virtual_start - until) * density } else { 0.0 }
    }
}

/// The line as it is now.
pub async fn read(pool: &PgPool) -> Result<Line, sqlx::Error> {
    let rows = sqlx::query!(
        r#"
        select false as "is_urgent!", head.id as "id!: JobId", account_id as "account_id!: AccountId",
            head.tier as "tier!: Tier", virtual_start as "virtual_start!", priority as "priority!"
        from unnest(enum_range(null::tier)) as every (tier) cross join lateral (
            select id, account_id, tier, virtual_start, priority from jobs
            where jobs.tier = every.tier and status = 'queued' and virtual_start < 'infinity' and run_at <= now()
            order by virtual_start, id limit $1
        ) as head
        union all
        select true, urgent.* from (
            select id, account_id, tier, virtual_start, priority from jobs
            where status = 'queued' and priority > 0 and virtual_start < 'infinity' and run_at <= now()
            order by priority desc limit $1
        ) as urgent
        "#,
        HEAD_MAX as i64,
    );
    let (mut head, mut urgent) = (Vec::new(), Vec::new());
    for row in rows.fetch_all(pool).await? {
        let into = if row.is_urgent { &mut urgent } else { &mut head };
        into.push(Waiting {
            id: row.id,
            account_id: row.account_id,
            tier: row.tier,
            virtual_start: row.virtual_start,
            priority: row.priority,
        });
    }
    Ok(Line::new(head, urgent))
}

#[cfg(test)]
mod tests {
    use rand::rngs::StdRng;
    use rand::seq::SliceRandom as _;
    use rand::{RngExt as _, SeedableRng as _};

    use super::*;

    fn waiting(account_id: AccountId, tier: Tier, virtual_start: f64, priority: i16) -> Waiting {
        Waiting { id: JobId::new(), account_id, tier, virtual_start, priority }
    }

    /// Takes the whole line as claims would, and says in which order.
    fn claimed(mut line: Vec<Waiting>) -> Vec<JobId> {
        let mut order = Vec::new();
        while let Some(turn) = line.iter().copied().min_by(Waiting::by_turn) {
            let flow = line.iter().filter(|job| job.flow() == turn.flow());
            let best = *flow.min_by_key(|job| (Reverse(job.priority), job.id)).expect("at least the turn itself");
            line.iter_mut().filter(|job| job.id == turn.id).for_each(|job| job.virtual_start = best.virtual_start);
            line.retain(|job| job.id != best.id);
            order.push(best.id);
        }
        order
    }

    #[test]
    fn every_place_is_the_one_in_which_claims_come() {
        let accounts = [AccountId::new(), AccountId::new(), AccountId::new()];
        for case in 0..50 {
            let mut dice = StdRng::seed_from_u64(case);
            let mut turns: Vec<u32> = (0..40).collect();
            turns.shuffle(&mut dice);
            let job = |turn: u32| {
                let (account, tier) = (accounts[dice.random_range(0..3)], Tier::ALL[dice.random_range(0..2)]);
                waiting(account, tier, turn.into(), dice.random_range(-2..=2))
            };
            let queue: Vec<Waiting> = turns.into_iter().map(job).collect();
            let urgent = queue.iter().filter(|job| job.priority > 0).copied().collect();
            let line = Line::new(queue.clone(), urgent);
            for (position, id) in claimed(queue.clone()).into_iter().enumerate() {
                let job = queue.iter().find(|job| job.id == id).expect("it was queued");
                let place = line.place(job, &Tier::ALL);
                assert_eq!((place.position, place.is_estimate), (position as u64, false), "case {case}");
            }
        }
    }

    #[test]
    fn tiers_that_no_worker_serves_together_do_not_stand_in_one_line() {
        let account = AccountId::new();
        let line = [waiting(account, Tier::Fast, 1.0, 0), waiting(account, Tier::Pro, 2.0, 0)];
        let pro = line[1];
        let line = Line::new(line.to_vec(), Vec::new());
        assert_eq!(line.place(&pro, &[Tier::Pro]).position, 0);
        assert_eq!(line.place(&pro, &Tier::ALL).position, 1);
    }

    #[test]
    fn a_place_beyond_what_was_read_is_estimated_and_marked_so() {
        let account = AccountId::new();
        let turn = |n: usize| waiting(account, Tier::Fast, n as f64, 0);
        let line = Line::new((0..HEAD_MAX).map(turn).collect(), Vec::new());
        let far = turn(5000);
        assert!(line.covers(&far) && !line.covers(&turn(500)), "a new job within what was read is missing there");
        let place = line.place(&far, &Tier::ALL);
        assert!(place.is_estimate && (4990..=5010).contains(&place.position), "{}", place.position);
    }

    #[test]
    fn an_urgent_job_that_was_not_read_takes_its_accounts_first_turn() {
        let (account, other) = (AccountId::new(), AccountId::new());
        let turn = |n: usize| waiting(if n == 3 { account } else { other }, Tier::Fast, n as f64, 0);
        let urgent = waiting(account, Tier::Fast, 9000.0, 5);
        let line = Line::new((0..HEAD_MAX).map(turn).collect(), vec![urgent]);
        let place = line.place(&urgent, &Tier::ALL);
        assert_eq!((place.position, place.is_estimate), (3, false));
    }
}
