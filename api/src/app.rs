//! What every handler may use.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use clipmill_shared::db::PgPool;
use clipmill_shared::outbound::{Outbound, OutboundConfig};
use clipmill_shared::storage::Storage;
use clipmill_shared::telemetry;
use clipmill_shared::tier::Tier;
use metrics_exporter_prometheus::PrometheusHandle;
use tokio::sync::Semaphore;

use crate::config::ModelAliases;
use crate::limit::{IMAGES_IN_HAND, PICTURES_AT_ONCE, Rooms};

const FETCH_TIMEOUT: Duration = Duration::from_secs(15);

/// What every handler may use. Cloned cheaply.
#[derive(Clone)]
pub struct App {
    pub(crate) pool: PgPool,
    pub(crate) storage: Storage,
    /// Fetches images from the addresses that customers give.
    pub(crate) outbound: Outbound,
    /// Bounds the memory of bodies that are being read, account by account.
    pub(crate) rooms: Arc<Rooms>,
    /// Bounds how many requests have images in hand.
    pub(crate) images: Arc<Semaphore>,
    /// Bounds how many images are decoded at once.
    pub(crate) pictures: Arc<Semaphore>,
    pub(crate) metrics: PrometheusHandle,
    models: Arc<BTreeMap<String, Tier>>,
}

impl App {
    /// Puts together what handlers use.
    pub fn new(
        pool: PgPool,
        storage: Storage,
        outbound: &OutboundConfig,
        aliases: &ModelAliases,
    ) -> anyhow::Result<Self> {
        let mut models: BTreeMap<String, Tier> = Tier::ALL.into_iter().map(|tier| (tier.to_string(), tier)).collect();
        models.extend(aliases.0.clone());
        Ok(Self {
            pool,
            storage,
            outbound: Outbound::new(outbound, FETCH_TIMEOUT).context("cannot make an HTTP client")?,
            rooms: Arc::default(),
            images: Arc::new(Semaphore::new(IMAGES_IN_HAND)),
            pictures: Arc::new(Semaphore::new(PICTURES_AT_ONCE)),
            metrics: telemetry::metrics().context("cannot record metrics")?,
            models: Arc::new(models),
        })
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
