//! What every handler may use.

use std::collections::BTreeMap;
use std::ops::Deref;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use clipmill_shared::accounts::keys::{self, Identity};
use clipmill_shared::batch::Batcher;
use clipmill_shared::db::PgPool;
use clipmill_shared::id::JobId;
use clipmill_shared::jobs::outlook::Outlook;
use clipmill_shared::jobs::submit::Intake;
use clipmill_shared::jobs::{Job, read};
use clipmill_shared::outbound::{Outbound, OutboundConfig};
use clipmill_shared::secret::ApiKey;
use clipmill_shared::storage::Storage;
use clipmill_shared::telemetry;
use clipmill_shared::tier::Tier;
use metrics_exporter_prometheus::PrometheusHandle;
use tokio::sync::Semaphore;

use crate::config::ModelAliases;
use crate::limit::{IMAGES_IN_HAND, PICTURES_AT_ONCE, Rooms};

const FETCH_TIMEOUT: Duration = Duration::from_secs(15);

/// What every handler may use. Cloned cheaply, as it is for every layer of every request.
#[derive(Clone)]
pub struct App(Arc<Shared>);

impl Deref for App {
    type Target = Shared;

    fn deref(&self) -> &Shared {
        &self.0
    }
}

/// What the clones of an [`App`] have in common.
pub struct Shared {
    pub(crate) pool: PgPool,
    pub(crate) storage: Storage,
    /// Takes submits.
    pub(crate) intake: Intake,
    /// Finds out together whose the keys of simultaneous requests are.
    pub(crate) keys: Batcher<ApiKey, Option<Identity>>,
    /// Reads together the jobs that are polled at about the same time.
    pub(crate) polls: Batcher<(ApiKey, JobId), Option<Job>>,
    /// What may be expected of jobs that have not ended.
    pub(crate) outlook: Outlook,
    /// Fetches images from the addresses that customers give.
    pub(crate) outbound: Outbound,
    /// Bounds the memory of bodies that are being read, account by account.
    pub(crate) rooms: Arc<Rooms>,
    /// Bounds how many requests have images in hand.
    pub(crate) images: Arc<Semaphore>,
    /// Bounds how many images are decoded at once.
    pub(crate) pictures: Arc<Semaphore>,
    pub(crate) metrics: PrometheusHandle,
    models: BTreeMap<String, Tier>,
}

impl App {
    /// Puts together what handlers use. Has to be called inside of a runtime.
    pub fn new(
        pool: PgPool,
        storage: Storage,
        outbound: &OutboundConfig,
        aliases: &ModelAliases,
    ) -> anyhow::Result<Self> {
        let mut models: BTreeMap<String, Tier> = Tier::ALL.into_iter().map(|tier| (tier.to_string(), tier)).collect();
        models.extend(aliases.0.clone());
        Ok(Self(Arc::new(Shared {
            intake: Intake::new(pool.clone(), storage.clone()),
            keys: keyring(pool.clone()),
            polls: poller(pool.clone()),
            outlook: Outlook::new(pool.clone()),
            pool,
            storage,
            outbound: Outbound::new(outbound, FETCH_TIMEOUT).context("cannot make an HTTP client")?,
            rooms: Arc::default(),
            images: Arc::new(Semaphore::new(IMAGES_IN_HAND)),
            pictures: Arc::new(Semaphore::new(PICTURES_AT_ONCE)),
            metrics: telemetry::metrics().context("cannot record metrics")?,
            models,
        })))
    }

    /// The tier that a model name means.
    pub(crate) fn tier(&self, model: &str) -> Option<Tier> {
        self.models.get(model).copied()
    }

    /// Every model name and what it means.
    pub(crate) fn models(&self) -> &BTreeMap<String, Tier> {
        &self.models
    }
}

/// Questions that one statement answers at most.
const TOGETHER: usize = 64;

fn keyring(pool: PgPool) -> Batcher<ApiKey, Option<Identity>> {
    Batcher::new(pool, TOGETHER, |connection, asked| Box::pin(keys::authenticate_all(connection, asked)))
}

fn poller(pool: PgPool) -> Batcher<(ApiKey, JobId), Option<Job>> {
    Batcher::new(pool, TOGETHER, |connection, asked| Box::pin(read::poll(connection, asked)))
}
