//! What every loop and stage may use.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use anyhow::Context as _;
use clipmill_shared::batch::Batcher;
use clipmill_shared::bell::{Announcer, Bells};
use clipmill_shared::db::PgPool;
use clipmill_shared::fleet::process::{self, Identity, Process, State};
use clipmill_shared::fleet::{Pace, Served};
use clipmill_shared::jobs::options::Codec;
use clipmill_shared::jobs::watermark::Fonts;
use clipmill_shared::moderation::Moderation;
use clipmill_shared::outbound::{Outbound, OutboundConfig};
use clipmill_shared::storage::Storage;
use clipmill_shared::storage::courier::Courier;
use clipmill_shared::tier::Tier;
use clipmill_shared::vault::Vault;
use clipmill_shared::webhooks::outbox::{self, Tried};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::config::WorkerConfig;
use crate::engine::preview::PreviewEngine;
use crate::engine::{Engine, Watch};
use crate::former::Former;
use crate::gpu::Gpus;
use crate::identity;
use crate::machine::Machine;
use crate::postprocess::Encoders;
use crate::postprocess::provenance::Provenance;
use crate::scratch::Scratch;

/// How long an endpoint may take to answer a webhook (Standard Webhooks: 15 to 30 s).
pub(crate) const WEBHOOK_TIMEOUT: Duration = Duration::from_secs(20);

/// How long a worker that cannot work takes no job.
const REST: Duration = Duration::from_secs(10);

/// Which engine renders which tier.
pub type Engines = HashMap<Tier, Arc<dyn Engine>>;

/// What every loop and stage may use.
pub struct Env {
    /// The ledger.
    pub pool: PgPool,
    /// The bucket.
    pub storage: Storage,
    /// Opens the secrets that sign webhooks, and those of the customers' own stores.
    pub vault: Vault,
    /// Which engine renders which tier; tiers without one are not served.
    pub engines: Engines,
    /// How to work.
    pub config: WorkerConfig,
    /// Unique for this start, so that a restarted worker is never taken for its former self.
    pub name: String,
    /// Wakes whoever waits for work.
    pub bells: Bells,
    /// Tells those who wait for jobs that they have changed.
    pub changes: Announcer,
    /// Cancelled when the process shall end.
    pub stop: CancellationToken,
    /// What it runs on.
    pub(crate) machine: Machine,
    /// Which process it is.
    pub(crate) identity: Option<Identity>,
    /// Those that this process comes after, as far as they have jobs.
    pub(crate) former: Former,
    /// Taken before a job is claimed, given back when its rendering ends.
    pub(crate) gpus: Arc<Gpus>,
    /// Writes down together what came of webhooks at about the same time.
    pub(crate) tries: Batcher<Tried, ()>,
    /// How far the engine of the first tier is with getting ready.
    pub(crate) warm_up: Watch,
    /// Judges videos before they are stored.
    pub(crate) moderation: Moderation,
    /// What videos are encoded with.
    pub(crate) encoders: Arc<Encoders>,
    /// Marks what is made.
    pub(crate) provenance: Provenance,
    pub(crate) outbound: Outbound,
    /// With what visible marks are written.
    pub(crate) fonts: Fonts,
    /// Brings finished files into the customers' own stores.
    pub(crate) courier: Courier,
    pub(crate) scratch: Scratch,
    resting_until: Mutex<Instant>,
    paces: Mutex<BTreeMap<Tier, Pace>>,
}

impl Env {
    /// Puts together what loops and stages use; `stop` ends them.
    pub fn new(
        pool: PgPool,
        storage: Storage,
        vault: Vault,
        engines: Engines,
        config: WorkerConfig,
        outbound: &OutboundConfig,
        stop: CancellationToken,
    ) -> anyhow::Result<Self> {
        let outbound = Outbound::new(outbound, WEBHOOK_TIMEOUT).context("cannot make an HTTP client")?;
        Ok(Self {
            tries: settler(pool.clone()),
            courier: Courier::new(&storage, outbound.clone()),
            storage,
            vault,
            engines,
            name: format!("{}-{}", config.name, Uuid::now_v7().simple()),
            bells: Bells::of_work(),
            changes: Announcer::new(pool.clone()),
            stop,
            machine: Machine::here(),
            identity: identity::own(),
            former: Former::default(),
            gpus: Gpus::new(config.gpus, config.model_streak),
            resting_until: Mutex::new(Instant::now()),
            paces: Mutex::default(),
            warm_up: Watch::default(),
            moderation: Moderation::default(),
            encoders: Encoders::probe(config.encoder).context("--encoder / CLIPMILL_ENCODER")?,
            provenance: Provenance::open(&config.provenance)?,
            fonts: Fonts::bundled(),
            scratch: Scratch::open(config.scratch.as_deref())?,
            outbound,
            config,
            pool,
        })
    }

    /// The same, with somebody who judges videos.
    #[must_use]
    pub fn moderated_by(self, moderation: Moderation) -> Self {
        Self { moderation, ..self }
    }

    /// The same, with these fonts for visible marks.
    #[must_use]
    pub fn writing_with(self, fonts: Fonts) -> Self {
        Self { fonts, ..self }
    }

    /// This worker cannot work at the moment: it takes no job for a while, and leaves them to others.
    pub(crate) fn rest(&self) {
        *self.resting_until.lock().unwrap_or_else(PoisonError::into_inner) = Instant::now() + REST;
    }

    /// How long this worker still takes no job.
    pub(crate) fn rest_left(&self) -> Duration {
        self.resting_until.lock().unwrap_or_else(PoisonError::into_inner).saturating_duration_since(Instant::now())
    }

    /// Takes the pace of one more completed attempt into account.
    pub(crate) fn learn(&self, tier: Tier, latest: Pace) {
        let mut paces = self.paces.lock().unwrap_or_else(PoisonError::into_inner);
        let known = paces.get(&tier).copied();
        paces.insert(tier, Pace::learn(known, latest));
    }

    /// The tiers that this worker can serve, what its engines can render there, and how fast it was, as far as it knows.
    pub(crate) fn served(&self) -> Vec<Served> {
        let paces = self.paces.lock().unwrap_or_else(PoisonError::into_inner);
        let offer = |tier| self.engines.get(&tier).and_then(|engine| engine.offer().cloned());
        let served = |tier| Served { tier, pace: paces.get(&tier).copied(), offer: offer(tier) };
        self.tiers().into_iter().map(served).collect()
    }

    /// What this process is and does, for those who operate it.
    pub(crate) fn process(&self) -> Process {
        let engine = |(tier, engine): (&Tier, &Arc<dyn Engine>)| process::Engine {
            tier: *tier,
            engine: engine.name().to_owned(),
            model: engine.offer().map(|offer| offer.model.clone()),
        };
        let mut engines: Vec<process::Engine> = self.engines.iter().map(engine).collect();
        engines.sort_by_key(|engine| engine.tier);
        Process {
            name: self.name.clone(),
            host: self.machine.host.clone(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            state: self.state(),
            engines,
            encoders: serde_json::json!(self.encoders.names()),
            gpus: self.machine.gpus(),
            identity: self.identity.clone(),
        }
    }

    fn state(&self) -> State {
        match (self.stop.is_cancelled(), self.warm_up.percent()) {
            (true, _) => State::Stopping,
            (false, 100) if self.engines.values().any(|engine| engine.is_occupied()) => State::Occupied,
            (false, 100) => State::Ready,
            (false, _) => State::WarmingUp,
        }
    }

    /// The codecs that this worker has an encoder for.
    pub(crate) fn codecs(&self) -> &[Codec] {
        self.encoders.codecs()
    }

    /// Each engine once, whatever number of tiers it renders.
    pub(crate) fn distinct_engines(&self) -> Vec<Arc<dyn Engine>> {
        let mut distinct: Vec<Arc<dyn Engine>> = Vec::new();
        for engine in self.engines.values() {
            if !distinct.iter().any(|known| Arc::ptr_eq(known, engine)) {
                distinct.push(engine.clone());
            }
        }
        distinct
    }

    /// The tiers whose engine may be given a job now.
    pub(crate) fn ready_tiers(&self) -> Vec<Tier> {
        let is_ready = |tier: &Tier| self.engines.get(tier).is_some_and(|engine| engine.is_ready());
        self.tiers().into_iter().filter(is_ready).collect()
    }

    /// The tiers that this worker can serve.
    pub fn tiers(&self) -> Vec<Tier> {
        self.config.tiers.iter().copied().filter(|tier| self.engines.contains_key(tier)).collect()
    }
}

fn settler(pool: PgPool) -> Batcher<Tried, ()> {
    const TOGETHER: usize = 500;
    Batcher::new(pool, TOGETHER, |connection, tries: &[Tried]| {
        Box::pin(async move { outbox::settle(connection, tries).await.map(|()| vec![(); tries.len()]) })
    })
}

/// The engines that need no model: the preview engine for every tier.
pub fn preview_engines() -> Engines {
    let engine: Arc<dyn Engine> = Arc::new(PreviewEngine::new());
    Tier::ALL.into_iter().map(|tier| (tier, engine.clone())).collect()
}
