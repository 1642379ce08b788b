//! Being rid of a render that nobody wants any more, so that its GPU is free.

use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use tracing::{info, warn};

use super::RemoteEngine;
use super::video::State;
use crate::engine::Watch;

/// How long to wait before a server that was not ready to delete is asked again.
const AGAIN: Duration = Duration::from_millis(500);

impl RemoteEngine {
    /// Ends a render. Comes back when its GPU is free, as far as that can be known.
    pub(super) async fn end(&self, id: &str, watch: &Watch) {
        let is_ended = self.section.profile.dialect().delete_ends_it && self.delete(id).await;
        let owned = self.server.as_ref().filter(|server| server.restarts_to_cancel());
        match owned {
            _ if is_ended => {}
            Some(server) => {
                info!("Restarts the model server, since it cannot give up a render that was cancelled");
                self.health.lost();
                server.restart().await;
            }
            None => self.sit_out(id).await,
        }
        watch.set_remote(None);
    }

    /// The server shall keep no record and no file of a render that has ended.
    pub(super) async fn forget(&self, watch: &Watch) {
        let Some(id) = self.known(watch) else { return };
        if let Err(error) = self.client.delete(&id).await {
            warn!(error, "Could not have the model server forget a render, it keeps a file for nobody");
        }
        watch.set_remote(None);
    }

    /// Deletes until the server says that it is done. False if it does not in time.
    async fn delete(&self, id: &str) -> bool {
        let (started, time) = (Instant::now(), Duration::from_secs(self.section.time.cancel_seconds));
        loop {
            match self.client.delete(id).await {
                Ok(true) => return true,
                _ if started.elapsed() > time => break,
                _ => tokio::time::sleep(AGAIN).await,
            }
        }
        warn!(seconds = time.as_secs(), "The model server has not given up a cancelled render in time");
        false
    }

    /// Waits until the render ends by itself, and holds the GPU for so long: it is busy, and a job that came now would wait unseen.
    async fn sit_out(&self, id: &str) {
        let (started, time) = (Instant::now(), Duration::from_secs(self.section.time.render_seconds));
        self.occupy(true);
        warn!("The GPU stays busy with a cancelled render until that ends: the model server cannot give it up");
        let mut heard = Instant::now();
        while started.elapsed() < time && heard.elapsed() < Duration::from_secs(30) {
            match self.client.ask(id).await {
                Ok(State::Running(_)) => heard = Instant::now(),
                Ok(_) => break,
                Err(_) => {}
            }
            tokio::time::sleep(Duration::from_secs_f64(self.section.time.poll_seconds)).await;
        }
        if let Err(error) = self.client.delete(id).await {
            warn!(error, "Could not have the model server forget a cancelled render");
        }
        info!(seconds = started.elapsed().as_secs(), "The GPU is free of a cancelled render");
        self.occupy(false);
    }

    fn occupy(&self, is_occupied: bool) {
        self.is_occupied.store(is_occupied, Ordering::Release);
        metrics::gauge!("clipmill_engine_occupied").set(f64::from(u8::from(is_occupied)));
    }
}
