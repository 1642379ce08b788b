//! MiniMax's own API as an engine: its models render there, and their videos are fetched.
//!
//! A render goes on there once it is accepted, whatever becomes of this process: [`MinimaxEngine::submit`] gives its id, and
//! [`MinimaxEngine::follow`] takes one to its end.

use std::path::Path;
use std::time::Duration;

use anyhow::Context as _;
use clipmill_shared::db::PgPool;
use clipmill_shared::jobs::Remote;
use clipmill_shared::offer::Offer;
use tempfile::NamedTempFile;
use tokio::runtime::Handle;
use tokio::time::{Instant, sleep, timeout};
use tracing::{info, warn};

use super::{Engine, EngineError, FrameSink, Request, Watch};
use crate::tiers::Minimax;

mod client;
mod generation;
mod key;
mod model;
mod order;
mod refusal;
mod turns;
mod v1;
mod v2;

pub use model::Model;

use client::{Client, Trouble};
use generation::{Place, State, id};
use order::Order;
use refusal::Refusal;
use turns::Turns;

/// How often to look whether it shall stop.
const STEP: Duration = Duration::from_millis(50);
/// How long calling a render off may take: whoever wants its place waits for that.
const CANCEL: Duration = Duration::from_secs(5);
/// How often in a row the question how a render stands may come to nothing.
const TROUBLES_MAX: u32 = 20;
/// How often a video is fetched, each time by a fresh link.
const FETCHES_MAX: u32 = 3;

/// A model behind MiniMax's own API.
pub struct MinimaxEngine {
    config: Minimax,
    model: &'static Model,
    offer: Offer,
    client: Client,
    /// None without a ledger, as for a mere look at what is configured.
    turns: Option<Turns>,
    runtime: Handle,
}

impl MinimaxEngine {
    /// Reads the key, and asks nobody yet. Workers keep the limit together by way of the ledger. It has to be called where a runtime is.
    ///
    /// # Errors
    /// A model that is not known, a key that cannot be read.
    pub fn open(config: &Minimax, ledger: Option<&PgPool>) -> anyhow::Result<Self> {
        let key = key::read(&config.api_key_file)?;
        let turns = |pool: &PgPool| Turns::new(pool.clone(), &config.url, &key, config.requests_per_minute);
        Ok(Self {
            model: Model::named(&config.model)?,
            offer: config.offer()?,
            turns: ledger.map(turns),
            client: Client::new(&config.url, key, config.request())?,
            config: config.clone(),
            runtime: Handle::try_current().context("there is no runtime")?,
        })
    }

    /// Asks for a render as soon as it is this worker's turn, and gives its id.
    ///
    /// # Errors
    /// [`EngineError::Unavailable`] if its turn is too far off, or if MiniMax renders nothing for this key; else what follows from the
    /// refusal.
    pub fn submit(&self, request: &Request, watch: &Watch) -> Result<String, EngineError> {
        let order = Order::new(request, &self.config, self.model)?;
        self.runtime.block_on(self.place(&order, watch))
    }

    /// Waits for a render that was accepted and fetches its video into a file in `folder`, which goes with the value. What nobody wants
    /// any more is called off, where that can be done.
    ///
    /// # Errors
    /// [`EngineError::Stopped`] when `watch` says so, and what became of the render if there is no video.
    pub fn follow(&self, task: &str, watch: &Watch, folder: Option<&Path>) -> Result<NamedTempFile, EngineError> {
        self.runtime.block_on(async {
            let lasts = self.config.render();
            match timeout(lasts, unless_stopped(watch, self.film(task, watch, folder))).await {
                Ok(Err(EngineError::Stopped)) => {
                    if !watch.leaves_it_running() {
                        self.cancel(task).await;
                    }
                    Err(EngineError::Stopped)
                }
                Ok(film) => film,
                Err(_) => {
                    self.cancel(task).await;
                    Err(EngineError::Transient(format!("the render took longer than {} seconds", lasts.as_secs())))
                }
            }
        })
    }

    /// A refusal for too many requests makes all workers wait, this one within the time that it has. A question that is on its way is
    /// not given up: without the answer there would be no id by which to call the render off.
    async fn place(&self, order: &Order<'_>, watch: &Watch) -> Result<String, EngineError> {
        let until = Instant::now() + self.config.turn();
        let body = (self.model.generation.body)(order);
        loop {
            let turn = async {
                match &self.turns {
                    Some(turns) => turns.next(until).await,
                    None => Ok(()),
                }
            };
            unless_stopped(watch, turn).await?;
            let answer = self.client.post(self.model.generation.create, &body).await?.accepted();
            match (answer, &self.turns) {
                (Ok(answer), _) => return id(&answer["task_id"]).ok_or_else(|| Trouble::unreadable().into()),
                (Err(Trouble::Refused(Refusal::Throttled)), Some(turns)) => turns.spent().await,
                (Err(trouble), _) => return Err(trouble.into()),
            }
        }
    }

    async fn film(&self, task: &str, watch: &Watch, folder: Option<&Path>) -> Result<NamedTempFile, EngineError> {
        let mut fetched = 0;
        loop {
            let place = self.finished(task, watch).await?;
            watch.progress(90, 100);
            let film = match self.link(&place).await {
                Ok(link) => self.client.fetch(&link, folder, self.config.render()).await,
                Err(trouble) => Err(trouble.into()),
            };
            fetched += 1;
            match film {
                Err(EngineError::Transient(reason)) if fetched < FETCHES_MAX => {
                    warn!(reason, "Could not fetch a video from MiniMax, trying again by a fresh link");
                    sleep(self.config.poll()).await;
                }
                film => return film,
            }
        }
    }

    /// Waits until there is a video, and says where.
    async fn finished(&self, task: &str, watch: &Watch) -> Result<Place, EngineError> {
        let mut troubles = 0;
        loop {
            match self.state(task).await {
                Ok(State::Done(place)) => return Ok(place),
                Ok(State::Failed(refusal)) => return Err(refusal.into()),
                Ok(State::Waiting) => troubles = 0,
                Ok(State::Running) => {
                    troubles = 0;
                    watch.progress(10, 100);
                }
                Err(Trouble::Refused(refusal @ (Refusal::Input | Refusal::Output | Refusal::Barred(..)))) => {
                    return Err(refusal.into());
                }
                Err(Trouble::Refused(Refusal::Throttled)) => {}
                Err(_) if troubles < TROUBLES_MAX => troubles += 1,
                // It is not the request that is at fault: it was accepted.
                Err(Trouble::Refused(Refusal::Invalid(_))) => return Err(Refusal::Failed(2013).into()),
                Err(trouble) => return Err(trouble.into()),
            }
            sleep(self.config.poll()).await;
        }
    }

    /// How a render stands. One that failed may say so with the code of its fault, as a question that was refused does.
    async fn state(&self, task: &str) -> Result<State, Trouble> {
        let answer = self.client.get(self.model.generation.query, task).await?;
        let state = (self.model.generation.state)(&answer.body);
        match (state, answer.refusal()) {
            (Some(State::Failed(refusal)), _) => Ok(State::Failed(refusal)),
            (_, Some(refusal)) => Err(Trouble::Refused(refusal)),
            (state, None) => state.ok_or_else(Trouble::unreadable),
        }
    }

    /// A fresh link to a finished video.
    async fn link(&self, place: &Place) -> Result<String, Trouble> {
        match (place, self.model.generation.file) {
            (Place::Link(link), _) => Ok(link.clone()),
            (Place::File(file), Some(path)) => {
                let answer = self.client.get(path, file).await?.accepted()?;
                answer["file"]["download_url"].as_str().map(str::to_owned).ok_or_else(Trouble::unreadable)
            }
            (Place::File(_), None) => Err(Trouble::unreadable()),
        }
    }

    async fn cancel(&self, task: &str) {
        let Some(path) = self.model.generation.cancel else {
            return info!("MiniMax cannot call this render off: it goes on there, and its video is not fetched");
        };
        match self.client.delete(path, task, CANCEL).await.and_then(client::Answer::accepted) {
            Ok(_) => info!("Called a render off at MiniMax"),
            Err(_) => info!("MiniMax did not call a render off: it may go on there, and its video is not fetched"),
        }
    }
}

impl Engine for MinimaxEngine {
    fn name(&self) -> &str {
        "minimax"
    }

    fn offer(&self) -> Option<&Offer> {
        Some(&self.offer)
    }

    fn render(&self, request: &Request, watch: &Watch, out: &mut dyn FrameSink) -> Result<(), EngineError> {
        let task = match self.known(watch) {
            Some(task) => task,
            None => self.begin(request, watch)?,
        };
        let delivered = self.follow(&task, watch, out.scratch()).and_then(|film| out.file(film.path()));
        // One that has come to nothing is not to be followed again. A finished one is: it is paid for, and can be fetched once more
        // if what comes after fails.
        if delivered.is_err() && !watch.leaves_it_running() {
            watch.set_remote(None);
        }
        delivered
    }
}

impl MinimaxEngine {
    /// A new render, noted so that whoever has the job next follows it too.
    fn begin(&self, request: &Request, watch: &Watch) -> Result<String, EngineError> {
        let task = self.submit(request, watch)?;
        watch.set_remote(Some(Remote { server: self.config.url.clone(), id: task.clone() }));
        Ok(task)
    }

    /// The render of this job that MiniMax has accepted before.
    fn known(&self, watch: &Watch) -> Option<String> {
        watch.remote().filter(|remote| remote.server == self.config.url).map(|remote| remote.id)
    }
}

/// What `work` comes to, unless the engine is asked to stop before.
async fn unless_stopped<T>(
    watch: &Watch,
    work: impl Future<Output = Result<T, EngineError>>,
) -> Result<T, EngineError> {
    let mut work = std::pin::pin!(work);
    loop {
        if watch.stopped() {
            return Err(EngineError::Stopped);
        }
        if let Ok(done) = timeout(STEP, &mut work).await {
            return done;
        }
    }
}
