//! What happens and when, drawn from a seed alone: the same seed makes the same sequence.

use std::time::Duration;

use rand::rngs::StdRng;
use rand::seq::SliceRandom as _;
use rand::{RngExt as _, SeedableRng as _};

/// One kind of thing that happens.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Fault {
    KillWorker,
    KillWorkerOfOneJobAgain,
    TerminateWorker,
    PauseWorker,
    CutConnections,
    CrashPostgres,
    RestartPostgres,
    HoldSnapshot,
    TakeConnections,
    Cancel,
    Delete,
}

/// How many there are.
pub(crate) const KINDS: usize = 11;

/// How often each happens, of a hundred.
const SHARES: [(u32, Fault); KINDS] = [
    (18, Fault::KillWorker),
    (12, Fault::KillWorkerOfOneJobAgain),
    (12, Fault::TerminateWorker),
    (18, Fault::PauseWorker),
    (8, Fault::CutConnections),
    (4, Fault::CrashPostgres),
    (3, Fault::RestartPostgres),
    (4, Fault::HoldSnapshot),
    (3, Fault::TakeConnections),
    (10, Fault::Cancel),
    (8, Fault::Delete),
];

/// One thing that happens.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Strike {
    /// What.
    pub(crate) fault: Fault,
    /// To which worker or job, modulo how many there are.
    pub(crate) index: usize,
    /// How long it is quiet after that.
    pub(crate) pause: Duration,
}

/// The storm of a seed, without end: everything once in some order, then by its share.
pub(crate) fn plan(seed: u64) -> impl Iterator<Item = Strike> {
    let mut random = StdRng::seed_from_u64(seed);
    let mut deck = SHARES.map(|(_, fault)| fault).to_vec();
    deck.shuffle(&mut random);
    std::iter::repeat_with(move || Strike {
        fault: deck.pop().unwrap_or_else(|| draw(random.random_range(0..100))),
        index: random.random_range(0..1 << 20),
        pause: Duration::from_millis(random.random_range(100..800)),
    })
}

fn draw(mut ticket: u32) -> Fault {
    for (share, fault) in SHARES {
        if ticket < share {
            return fault;
        }
        ticket -= share;
    }
    Fault::KillWorker
}
