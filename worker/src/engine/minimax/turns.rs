//! Whose turn it is to ask MiniMax for a video: its limit holds for all workers with the same key together.

use std::time::Duration;

use clipmill_shared::db::{self, PgPool};
use clipmill_shared::fleet::bucket::{self, Turn};
use clipmill_shared::secret::SecretText;
use sha2::{Digest as _, Sha256};
use tokio::time::{Instant, sleep};
use tracing::warn;

use crate::engine::EngineError;

/// How long to wait at most before asking the ledger again.
const LOOK: Duration = Duration::from_secs(1);

/// The line in which all workers with the same key stand.
pub(super) struct Turns {
    pool: PgPool,
    key: String,
    per_minute: u32,
}

impl Turns {
    /// The line for this key of the API at `url`. The ledger knows both only as a hash.
    pub(super) fn new(pool: PgPool, url: &str, key: &SecretText, per_minute: u32) -> Self {
        let hash = Sha256::new().chain_update(url).chain_update([0]).chain_update(key.reveal()).finalize();
        Self { pool, key: hex::encode(&hash[..16]), per_minute }
    }

    /// Waits until a video may be asked for, or says that this will not be before `until`.
    pub(super) async fn next(&self, until: Instant) -> Result<(), EngineError> {
        loop {
            let wait = match db::within(bucket::take(&self.pool, &self.key, self.per_minute)).await {
                Ok(Turn::Now) => return Ok(()),
                Ok(Turn::In(wait)) => wait,
                Err(error) => {
                    warn!(%error, "Could not ask whose turn it is, trying again");
                    LOOK
                }
            };
            if Instant::now() + wait > until {
                let per_minute = self.per_minute;
                return Err(EngineError::Unavailable(format!(
                    "its limit of {per_minute} requests a minute is used up"
                )));
            }
            sleep(wait.min(LOOK)).await;
        }
    }

    /// MiniMax says that it was asked too often: nobody asks for a while.
    pub(super) async fn spent(&self) {
        warn!(requests_per_minute = self.per_minute, "MiniMax was asked too often, all workers wait");
        if let Err(error) = db::within(bucket::empty(&self.pool, &self.key)).await {
            warn!(%error, "Could not tell the other workers that MiniMax was asked too often");
        }
    }
}
