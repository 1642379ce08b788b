//! One render, from the request to the video on our disk.

use std::path::Path;
use std::time::{Duration, Instant};

use tracing::{info, warn};

use super::video::State;
use super::wait::{pause, unless_stopped};
use super::{Film, RemoteEngine, film, form};
use crate::engine::{EngineError, Request, Watch};

/// How long a server may not say how a render stands before it counts as lost.
const SILENCE_MAX: Duration = Duration::from_secs(30);
/// How long to wait before a video is asked for once more that was not handed over.
const AGAIN: Duration = Duration::from_secs(1);

impl RemoteEngine {
    /// Has the video rendered, or goes on with the render that the ledger knows of, and fetches it.
    pub(super) async fn obtain(
        &self,
        request: &Request,
        watch: &Watch,
        folder: Option<&Path>,
    ) -> Result<Film, EngineError> {
        match unless_stopped(watch, self.health.look()).await {
            Some(true) => {}
            Some(false) => return Err(EngineError::Unavailable("the model server is not ready".to_owned())),
            None => return Err(self.stop_known(watch).await),
        }
        let id = match self.find(watch).await? {
            Some(id) => id,
            None => self.submit(request, watch).await?,
        };
        self.follow(&id, watch).await?;
        self.fetch(&id, watch, folder).await
    }

    /// The render that the ledger knows of, if this server still has it.
    async fn find(&self, watch: &Watch) -> Result<Option<String>, EngineError> {
        let Some(id) = self.known(watch) else { return Ok(None) };
        let Some(answer) = unless_stopped(watch, self.client.ask(&id)).await else {
            return Err(self.stop(&id, watch).await);
        };
        match answer {
            Ok(State::Gone) => {
                watch.set_remote(None);
                Ok(None)
            }
            Ok(_) => {
                info!(remote.id = id, "Goes on with a render that was begun before");
                Ok(Some(id))
            }
            Err(error) => {
                Err(EngineError::Unavailable(format!("the model server does not say how a render stands: {error}")))
            }
        }
    }

    /// Once begun this is not given up: without the answer there would be no name by which to end the render.
    async fn submit(&self, request: &Request, watch: &Watch) -> Result<String, EngineError> {
        let form = form::form(request, &self.section)?;
        if watch.stopped() {
            return Err(EngineError::Stopped);
        }
        let id = self.client.submit(form).await?;
        self.note(&id, watch);
        Ok(id)
    }

    /// Waits for the end of a render.
    async fn follow(&self, id: &str, watch: &Watch) -> Result<(), EngineError> {
        let (started, mut heard) = (Instant::now(), Instant::now());
        let time = Duration::from_secs(self.section.time.render_seconds);
        loop {
            let Some(answer) = unless_stopped(watch, self.client.ask(id)).await else {
                return Err(self.stop(id, watch).await);
            };
            match answer {
                Ok(State::Done) => return Ok(()),
                Ok(State::Running(percent)) => {
                    heard = Instant::now();
                    watch.progress(percent, 100);
                }
                Ok(State::Gone) => {
                    watch.set_remote(None);
                    return Err(EngineError::Transient(
                        "the model server was restarted and lost the render".to_owned(),
                    ));
                }
                Ok(State::Failed(failure)) => {
                    self.forget(watch).await;
                    return Err(failure.error());
                }
                Err(error) if heard.elapsed() > SILENCE_MAX => {
                    self.health.lost();
                    return Err(EngineError::Transient(format!("the model server does not answer any more: {error}")));
                }
                Err(_) => {}
            }
            if started.elapsed() > time {
                self.end(id, watch).await;
                return Err(EngineError::Transient(format!("the model server has not rendered within {time:?}")));
            }
            pause(Duration::from_secs_f64(self.section.time.poll_seconds), watch).await;
        }
    }

    /// The engine was told to stop: the render ends, unless whoever has the job next shall go on with it.
    async fn stop(&self, id: &str, watch: &Watch) -> EngineError {
        match watch.leaves_it_running() {
            true => info!(remote.id = id, "Leaves a render to whoever has its job next"),
            false => self.end(id, watch).await,
        }
        EngineError::Stopped
    }

    /// Likewise, before it was asked whether there is a render.
    async fn stop_known(&self, watch: &Watch) -> EngineError {
        match self.known(watch) {
            Some(id) => self.stop(&id, watch).await,
            None => EngineError::Stopped,
        }
    }

    /// Fetches the video; what goes wrong on the way is tried again while there is time.
    async fn fetch(&self, id: &str, watch: &Watch, folder: Option<&Path>) -> Result<Film, EngineError> {
        let (started, film) = (Instant::now(), film(folder)?);
        let time = Duration::from_secs(self.section.time.download_seconds);
        loop {
            let Some(fetched) = unless_stopped(watch, self.client.download(id, film.path())).await else {
                return Err(self.stop(id, watch).await);
            };
            match fetched {
                Ok(()) => return Ok(film),
                Err(EngineError::Transient(error)) if started.elapsed() + AGAIN < time => {
                    warn!(error, "Could not fetch a video from the model server, trying again");
                    pause(AGAIN, watch).await;
                }
                Err(error) => return Err(error),
            }
        }
    }
}
