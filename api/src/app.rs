//! What every handler may use.

use std::collections::BTreeMap;
use std::ops::Deref;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use axum::http::HeaderValue;
use clipmill_shared::accounts::hold;
use clipmill_shared::accounts::keys::{self, Identity};
use clipmill_shared::accounts::scope::Scope;
use clipmill_shared::batch::Batcher;
use clipmill_shared::bell::Bells;
use clipmill_shared::db::PgPool;
use clipmill_shared::id::{AccountId, JobId};
use clipmill_shared::jobs::outlook::Outlook;
use clipmill_shared::jobs::submit::Intake;
use clipmill_shared::jobs::{Job, read};
use clipmill_shared::moderation::{Moderation, ModerationConfig};
use clipmill_shared::outbound::{Outbound, OutboundConfig};
use clipmill_shared::secret::ApiKey;
use clipmill_shared::storage::Storage;
use clipmill_shared::storage::courier::Courier;
use clipmill_shared::telemetry;
use clipmill_shared::tier::Tier;
use clipmill_shared::vault::Vault;
use clipmill_shared::webhooks::asymmetric::SigningConfig;
use metrics_exporter_prometheus::PrometheusHandle;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;

use crate::auth::{Caller, Used};
use crate::config::ClientConfig;
use crate::limit::{IMAGES_IN_HAND, PICTURES_AT_ONCE, Rooms, WAITS_AT_ONCE};
use crate::lockout::Lockout;
use crate::minimax::MinimaxConfig;
use crate::problem::Problem;
use crate::prompt::Studio;
use crate::rate::Rates;
use crate::watermark::Marks;

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
    /// Seals and opens the secrets that sign webhooks, and those of the customers' own stores.
    pub(crate) vault: Vault,
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
    /// Tries the customers' own stores.
    pub(crate) courier: Courier,
    /// Works on prompts before they are drawn.
    pub(crate) studio: Studio,
    /// The visible marks of videos.
    pub(crate) marks: Marks,
    /// What clients of the MiniMax API may do.
    pub(crate) minimax: MinimaxConfig,
    /// Bounds the memory of bodies that are being read, account by account.
    pub(crate) rooms: Arc<Rooms>,
    /// Bounds how many requests have images in hand.
    pub(crate) images: Arc<Semaphore>,
    /// Bounds how many images are decoded at once.
    pub(crate) pictures: Arc<Semaphore>,
    /// Tells those who wait for jobs that they have changed.
    pub(crate) bells: Bells,
    /// Bounds how many requests wait for jobs.
    pub(crate) waits: Arc<Semaphore>,
    /// Cancelled when the process shall end.
    pub(crate) closing: CancellationToken,
    /// Signs webhooks beside the secrets of their receivers.
    pub(crate) signing: SigningConfig,
    pub(crate) metrics: PrometheusHandle,
    /// How often keys and accounts may ask.
    pub(crate) rates: Rates,
    /// Which keys were used.
    pub(crate) used: Used,
    /// Who brought too many keys that do not live.
    pub(crate) lockout: Lockout,
    models: BTreeMap<String, Tier>,
    origins: Vec<HeaderValue>,
}

impl App {
    /// Puts together what handlers use. Has to be called inside of a runtime.
    pub fn new(
        pool: PgPool,
        storage: Storage,
        vault: Vault,
        outbound: &OutboundConfig,
        moderation: &ModerationConfig,
        clients: &ClientConfig,
        signing: &SigningConfig,
    ) -> anyhow::Result<Self> {
        let mut models: BTreeMap<String, Tier> = Tier::ALL.into_iter().map(|tier| (tier.to_string(), tier)).collect();
        models.extend(clients.model_aliases.0.clone());
        let moderation = Moderation::open(moderation).map_err(anyhow::Error::msg)?;
        let (bells, closing) = (Bells::of_waiting(), CancellationToken::new());
        tokio::spawn(listen(bells.clone(), pool.clone(), closing.clone()));
        let outbound = Outbound::new(outbound, FETCH_TIMEOUT).context("cannot make an HTTP client")?;
        let app = Self(Arc::new(Shared {
            courier: Courier::new(&storage, outbound.clone()),
            intake: Intake::new(pool.clone(), storage.clone(), vault.clone(), clients.credits_per_unit.clone()),
            keys: keyring(pool.clone()),
            polls: poller(pool.clone()),
            outlook: Outlook::new(pool.clone()),
            pool,
            storage,
            vault,
            outbound,
            studio: Studio::open(&clients.prompt, moderation)?,
            marks: Marks::open(&clients.watermark)?,
            minimax: clients.minimax.clone(),
            rooms: Arc::default(),
            images: Arc::new(Semaphore::new(IMAGES_IN_HAND)),
            pictures: Arc::new(Semaphore::new(PICTURES_AT_ONCE)),
            waits: Arc::new(Semaphore::new(WAITS_AT_ONCE)),
            bells,
            closing,
            rates: Rates::new(&clients.rates),
            lockout: Lockout::new(clients.rates.key_failures_per_minute),
            origins: clients.cors_origins.clone(),
            signing: signing.clone(),
            metrics: telemetry::metrics().context("cannot record metrics")?,
            used: Used::default(),
            models,
        }));
        tokio::spawn(note_used(app.clone()));
        Ok(app)
    }

    /// The job that this key asks for. One statement proves the key and reads the job; only when it finds nothing, another says
    /// why.
    pub(crate) async fn find(&self, key: &ApiKey, id: JobId) -> Result<Job, Problem> {
        if let Some(job) = self.polls.ask((key.clone(), id)).await? {
            Caller::known(job.account_id);
            self.rates.belongs(key, job.account_id);
            self.used.note(key);
            return Ok(job);
        }
        let Caller(account) = Caller::prove(self, key, Some(Scope::VideosRead)).await?;
        read::find(&self.pool, account, id).await?.ok_or_else(Problem::no_video)
    }

    /// Whether things of the account may be deleted: not while a legal hold lasts.
    pub(crate) async fn may_delete(&self, account: AccountId) -> Result<(), Problem> {
        Ok(hold::check(&self.pool, account).await?)
    }

    /// The tier that a model name means.
    pub(crate) fn tier(&self, model: &str) -> Option<Tier> {
        self.models.get(model).copied()
    }

    /// The origins whose pages may call.
    pub(crate) fn origins(&self) -> &[HeaderValue] {
        &self.origins
    }

    /// Every model name and what it means.
    pub(crate) fn models(&self) -> &BTreeMap<String, Tier> {
        &self.models
    }
}

/// Hears of changes for all who wait, on one connection, and looks after bells that were lost.
async fn listen(bells: Bells, pool: PgPool, closing: CancellationToken) {
    tokio::join!(bells.listen(&pool, &closing), bells.watchers().look_again(&pool, &closing));
}

async fn note_used(app: App) {
    app.used.keep(&app.pool, &app.closing).await;
}

/// Questions that one statement answers at most.
const TOGETHER: usize = 64;

fn keyring(pool: PgPool) -> Batcher<ApiKey, Option<Identity>> {
    Batcher::new(pool, TOGETHER, |connection, asked| Box::pin(keys::authenticate_all(connection, asked)))
}

fn poller(pool: PgPool) -> Batcher<(ApiKey, JobId), Option<Job>> {
    Batcher::new(pool, TOGETHER, |connection, asked| Box::pin(read::poll(connection, asked)))
}
