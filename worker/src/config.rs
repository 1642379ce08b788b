//! Settings of the worker. `clipmill-worker --help` is their reference.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use clipmill_shared::db::DbConfig;
use clipmill_shared::outbound::OutboundConfig;
use clipmill_shared::storage::StorageConfig;
use clipmill_shared::telemetry::TelemetryConfig;
use clipmill_shared::tier::Tier;

/// Clipmill's worker: renders, post-processes, uploads, notifies, expires
#[derive(Debug, clap::Parser)]
#[command(name = "clipmill-worker", version, about, long_about = None)]
pub struct Cli {
    /// How to reach Postgres
    #[command(flatten)]
    pub db: DbConfig,
    /// How to log
    #[command(flatten)]
    pub telemetry: TelemetryConfig,
    /// Where objects are kept
    #[command(flatten)]
    pub storage: StorageConfig,
    /// Whom customers may make us call
    #[command(flatten)]
    pub outbound: OutboundConfig,
    /// How to work
    #[command(flatten)]
    pub worker: WorkerConfig,
    /// Address for /healthz, /readyz and /metrics; unset means none
    #[arg(long, env = "CLIPMILL_WORKER_LISTEN")]
    pub listen: Option<SocketAddr>,
}

/// How a worker works.
#[derive(Debug, Clone, clap::Args)]
pub struct WorkerConfig {
    /// Name of this worker in the ledger; each start adds something of its own
    #[arg(long = "worker-name", env = "CLIPMILL_WORKER_NAME", default_value = "worker")]
    pub name: String,
    /// Tiers to serve
    #[arg(long, env = "CLIPMILL_TIERS", value_delimiter = ',', default_value = "fast,pro")]
    pub tiers: Vec<Tier>,
    /// Renders at the same time: one a GPU
    #[arg(long, env = "CLIPMILL_GPUS", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=64))]
    pub gpus: u32,
    /// Seconds after which the job of a worker that fell silent goes to another
    #[arg(long, env = "CLIPMILL_LEASE_SECONDS", default_value_t = 30, value_parser = clap::value_parser!(u64).range(1..=3600))]
    pub lease_seconds: u64,
    /// Seconds that one attempt may take from claim to upload, before it counts as failed
    #[arg(long, env = "CLIPMILL_ATTEMPT_SECONDS", default_value_t = 3600, value_parser = clap::value_parser!(u64).range(1..=86_400))]
    pub attempt_seconds: u64,
    /// Seconds that a running render gets to finish after SIGTERM, before it is given back
    #[arg(long, env = "CLIPMILL_GRACE_SECONDS", default_value_t = 600, value_parser = clap::value_parser!(u64).range(0..=86_400))]
    pub grace_seconds: u64,
    /// Jobs in a row that a GPU takes for the model that it has loaded, while jobs for another model wait
    #[arg(long, env = "CLIPMILL_MODEL_STREAK", default_value_t = 8, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub model_streak: u32,
    /// Days after which the record of a job without media is deleted; what was used stays counted
    #[arg(long, env = "CLIPMILL_RECORD_DAYS", default_value_t = 90, value_parser = clap::value_parser!(u32).range(1..=36_500))]
    pub record_days: u32,
    /// Folder for files between post-processing and upload; the system's temporary folder if unset
    #[arg(long, env = "CLIPMILL_SCRATCH")]
    pub scratch: Option<PathBuf>,
}

impl WorkerConfig {
    /// How long a lease lasts from each renewal.
    pub fn lease(&self) -> Duration {
        Duration::from_secs(self.lease_seconds)
    }

    /// How long one attempt may take.
    pub fn attempt(&self) -> Duration {
        Duration::from_secs(self.attempt_seconds)
    }

    /// How long a running render may go on after the wish to stop.
    pub fn grace(&self) -> Duration {
        Duration::from_secs(self.grace_seconds)
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    #[test]
    fn the_command_line_is_well_formed() {
        Cli::command().debug_assert();
    }
}
