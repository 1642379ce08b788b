//! The remote engine: a client of a model server that speaks the shape of OpenAI's Videos API.
//!
//! Such servers keep their jobs in memory and nothing else; the ledger stays ours. One render is in flight for each GPU permit
//! of the worker, its name is noted in the ledger, and it is fetched as soon as it is done.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use clipmill_shared::host;
use clipmill_shared::jobs::Remote;
use clipmill_shared::offer::Offer;
use clipmill_shared::outbound;
use clipmill_shared::secret::SecretText;
use tokio::runtime::Handle;

use super::{Engine, EngineError, FrameSink, Request, Watch};
use client::Client;
use health::Health;
use server::Server;

mod cancel;
mod client;
mod follow;
mod form;
mod health;
mod metrics;
mod orphan;
mod output;
pub mod profile;
pub mod section;
pub mod server;
mod video;
mod wait;

use section::Section;

/// A model server with one tier's settings.
pub struct RemoteEngine {
    section: Section,
    offer: Offer,
    /// What the ledger calls the server.
    name: String,
    client: Arc<Client>,
    health: Arc<Health>,
    server: Option<Arc<Server>>,
    is_occupied: AtomicBool,
    handle: Handle,
}

impl RemoteEngine {
    /// Readies a client; asks the server nothing yet, and starts none.
    ///
    /// # Errors
    /// A file of a key that cannot be read, or no runtime.
    pub fn open(section: &Section, server: Option<Arc<Server>>) -> anyhow::Result<Self> {
        let client = Arc::new(Client::new(section, key(section)?).context("cannot make an HTTP client")?);
        Ok(Self {
            offer: section.offer(),
            name: name(&section.url)?,
            health: Health::of(client.clone()),
            client,
            server,
            is_occupied: AtomicBool::new(false),
            handle: Handle::try_current().context("a model server is talked to on a runtime")?,
            section: section.clone(),
        })
    }

    /// Waits until the server is ready, and looks whether it serves what it shall.
    async fn wait_until_warm(&self, watch: &Watch) -> Result<(), EngineError> {
        const LOOK: Duration = Duration::from_millis(500);
        let (started, time) = (Instant::now(), Duration::from_secs(self.section.time.warm_up_seconds));
        loop {
            match wait::unless_stopped(watch, self.client.is_warm()).await {
                None => return Err(EngineError::Stopped),
                Some(true) => return self.check_model().await,
                Some(false) if started.elapsed() > time => {
                    return Err(EngineError::Unavailable("the model server does not get ready".to_owned()));
                }
                Some(false) => wait::pause(LOOK, watch).await,
            }
        }
    }

    /// A server that serves another model would refuse each job, as if that were the customer's fault.
    async fn check_model(&self) -> Result<(), EngineError> {
        let (Some(model), served) = (&self.section.model, self.client.models().await) else { return Ok(()) };
        if served.is_empty() || served.contains(model) {
            return Ok(());
        }
        Err(EngineError::Unavailable(format!("the model server serves {}, and not {model}", served.join(", "))))
    }

    fn start_server(&self) {
        if let Some(server) = &self.server {
            server.start();
        }
    }
}

impl Engine for RemoteEngine {
    fn name(&self) -> &str {
        "remote"
    }

    fn offer(&self) -> Option<&Offer> {
        Some(&self.offer)
    }

    fn warm_up(&self, watch: &Watch) -> Result<(), EngineError> {
        self.start_server();
        self.handle.block_on(self.wait_until_warm(watch))
    }

    fn is_ready(&self) -> bool {
        self.health.is_ready()
    }

    fn is_occupied(&self) -> bool {
        self.is_occupied.load(Ordering::Acquire)
    }

    fn metrics(&self) -> String {
        match &self.server {
            Some(_) => metrics::labelled(&self.handle.block_on(self.client.metrics()), &self.name),
            None => String::new(),
        }
    }

    fn close(&self) {
        if let Some(server) = &self.server {
            server.close();
        }
    }

    fn render(&self, request: &Request, watch: &Watch, out: &mut dyn FrameSink) -> Result<(), EngineError> {
        self.start_server();
        let film = self.handle.block_on(self.obtain(request, watch, out.scratch()))?;
        // Not on the runtime: whoever takes the frames may let us wait for long.
        let delivered = out.file(film.path());
        let is_wanted_again = matches!(delivered, Err(EngineError::Stopped)) && watch.leaves_it_running();
        if !is_wanted_again {
            self.handle.block_on(self.forget(watch));
        }
        delivered
    }
}

/// What the ledger calls the server at an address: one on this machine is another than one on that.
fn name(url: &str) -> anyhow::Result<String> {
    let parsed = outbound::parse(url).map_err(anyhow::Error::msg)?;
    let url = url.trim_end_matches('/');
    match parsed.host_str() {
        Some(host) if host::is_here(host) => Ok(format!("{url} on {}", crate::machine::host())),
        _ => Ok(url.to_owned()),
    }
}

/// The key that the server wants to see.
fn key(section: &Section) -> anyhow::Result<Option<SecretText>> {
    let Some(file) = &section.api_key_file else { return Ok(None) };
    let key =
        std::fs::read_to_string(file).with_context(|| format!("`api_key_file`: cannot read {}", file.display()))?;
    let key = key.trim();
    ensure!(!key.is_empty() && key.bytes().all(|byte| byte.is_ascii_graphic()), "`api_key_file` must hold one key");
    Ok(Some(key.to_owned().into()))
}

impl RemoteEngine {
    /// The name of this job's render on this server, as the ledger knows it.
    fn known(&self, watch: &Watch) -> Option<String> {
        let remote = watch.remote().filter(|remote| remote.server == self.name)?;
        video::is_name(&remote.id).then_some(remote.id)
    }

    fn note(&self, id: &str, watch: &Watch) {
        watch.set_remote(Some(Remote { server: self.name.clone(), id: id.to_owned() }));
    }
}

/// A video that was fetched. It goes with the value.
type Film = tempfile::NamedTempFile;

/// A place for a video.
fn film(folder: Option<&Path>) -> Result<Film, EngineError> {
    let mut builder = tempfile::Builder::new();
    builder.prefix("film-").suffix(".mp4");
    let made = folder.map_or_else(|| builder.tempfile(), |folder| builder.tempfile_in(folder));
    made.map_err(|error| EngineError::Unavailable(format!("there is no place for a video: {error}")))
}
