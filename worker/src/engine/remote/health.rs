//! Whether a server is ready, looked at when it matters and, once it was not, until it is.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tracing::{info, warn};

use super::client::Client;

/// How long to wait between two looks at a server that is not ready.
const LOOK: Duration = Duration::from_secs(1);

/// Whether a server is ready, as far as is known.
#[derive(Debug)]
pub(super) struct Health {
    client: Arc<Client>,
    is_ready: AtomicBool,
}

impl Health {
    /// Takes a server for ready until it is known not to be.
    pub(super) fn of(client: Arc<Client>) -> Arc<Self> {
        Arc::new(Self { client, is_ready: AtomicBool::new(true) })
    }

    /// Whether it may be given a job.
    pub(super) fn is_ready(&self) -> bool {
        self.is_ready.load(Ordering::Acquire)
    }

    /// Looks.
    pub(super) async fn look(self: &Arc<Self>) -> bool {
        let is_warm = self.client.is_warm().await;
        if !is_warm {
            self.lost();
        }
        is_warm
    }

    /// The server is not ready, and gets no job until it is. Needs a runtime.
    pub(super) fn lost(self: &Arc<Self>) {
        if !self.is_ready.swap(false, Ordering::AcqRel) {
            return;
        }
        warn!("The model server is not ready, no job is taken for it until it is");
        let health = self.clone();
        tokio::spawn(async move {
            while !health.client.is_warm().await {
                tokio::time::sleep(LOOK).await;
            }
            health.is_ready.store(true, Ordering::Release);
            info!("The model server is ready again");
        });
    }
}
