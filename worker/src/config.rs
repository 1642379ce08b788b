//! Settings of the worker. `clipmill-worker --help` is their reference.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context as _, ensure};
use clap::{ArgMatches, Args as _, Command, FromArgMatches as _};
use clipmill_shared::db::DbConfig;
use clipmill_shared::moderation::ModerationConfig;
use clipmill_shared::outbound::OutboundConfig;
use clipmill_shared::storage::StorageConfig;
use clipmill_shared::telemetry::TelemetryConfig;
use clipmill_shared::tier::Tier;
use clipmill_shared::vault::VaultConfig;
use clipmill_shared::webhooks::asymmetric::SigningConfig;
use clipmill_wan::Device;

use crate::env::{Engines, preview_engines};
use crate::tiers::Tiers;

/// What the worker's binary is asked to do.
#[derive(Debug)]
pub enum Cli {
    /// Work.
    Work(Box<WorkArgs>),
    /// Say which engines the tiers have, what their models hold, and whether those fit the device.
    Engines(EngineConfig),
}

impl Cli {
    /// The command line. Work is what is done without a subcommand, and only that needs a database: the derived parser of
    /// clap knows no arguments that a subcommand makes optional.
    pub fn command() -> Command {
        let engines = Command::new("engines")
            .about("Say which engines the tiers have, what their models hold, and whether those fit the device");
        WorkArgs::augment_args(Command::new("clipmill-worker"))
            .version(env!("CARGO_PKG_VERSION"))
            .about("Clipmill's worker: renders, post-processes, uploads, notifies, expires")
            .subcommand_negates_reqs(true)
            .subcommand(EngineConfig::augment_args(engines))
    }

    /// Reads the process's arguments and environment; ends the process with what is wrong with them.
    pub fn parse() -> Self {
        let matches = Self::command().get_matches();
        Self::read(&matches).unwrap_or_else(|error| error.exit())
    }

    fn read(matches: &ArgMatches) -> Result<Self, clap::Error> {
        match matches.subcommand_matches("engines") {
            Some(matches) => EngineConfig::from_arg_matches(matches).map(Self::Engines),
            None => WorkArgs::from_arg_matches(matches).map(|args| Self::Work(Box::new(args))),
        }
    }
}

/// All that working takes.
#[derive(Debug, clap::Args)]
pub struct WorkArgs {
    /// How to reach Postgres
    #[command(flatten)]
    pub db: DbConfig,
    /// How to log
    #[command(flatten)]
    pub telemetry: TelemetryConfig,
    /// What secrets in the database are sealed with
    #[command(flatten)]
    pub secrets: VaultConfig,
    /// Where objects are kept
    #[command(flatten)]
    pub storage: StorageConfig,
    /// Whom customers may make us call
    #[command(flatten)]
    pub outbound: OutboundConfig,
    /// What may not be handed out
    #[command(flatten)]
    pub moderation: ModerationConfig,
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
    /// What renders
    #[command(flatten)]
    pub engines: EngineConfig,
    /// How webhooks are signed beside the secrets of their receivers
    #[command(flatten)]
    pub signing: SigningConfig,
    /// Renders at the same time: one a GPU, and one where an engine runs a model
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
    /// Seconds before a video goes at which its customer is told so (`video.expiring`); 0 means never
    #[arg(long, env = "CLIPMILL_EXPIRING_NOTICE_SECONDS", default_value_t = 3600, value_parser = clap::value_parser!(u32).range(0..=2_592_000))]
    pub expiring_notice_seconds: u32,
    /// Folder for files between post-processing and upload; the system's temporary folder if unset
    #[arg(long, env = "CLIPMILL_SCRATCH")]
    pub scratch: Option<PathBuf>,
}

/// What renders.
#[derive(Debug, Clone, clap::Args)]
pub struct EngineConfig {
    /// File that says which engine renders which tier, as in worker/tiers; unset means the preview engine for all
    #[arg(long, env = "CLIPMILL_TIERS_FILE")]
    pub tiers_file: Option<PathBuf>,
    /// Device of the engines that run a model: `cpu`, or `cuda` or `cuda:N` in a build with the feature `cuda`
    #[arg(long, env = "CLIPMILL_DEVICE", default_value = "cpu")]
    pub device: String,
}

impl EngineConfig {
    /// The device that models compute on.
    ///
    /// # Errors
    /// A device that is not there.
    pub fn open_device(&self) -> anyhow::Result<Device> {
        clipmill_wan::device::open(&self.device).context("--device / CLIPMILL_DEVICE")
    }
}

impl WorkerConfig {
    /// The engines of the tiers: those of the tiers file, or else the preview engine for all.
    ///
    /// # Errors
    /// A file, a model or a device that cannot be used.
    pub fn engines(&self) -> anyhow::Result<Engines> {
        let Some(file) = &self.engines.tiers_file else { return Ok(preview_engines()) };
        let engines = Tiers::read(file)?.engines(&self.engines.open_device()?)?;
        let runs_models = engines.values().any(|engine| engine.offer().is_some());
        ensure!(
            self.gpus == 1 || !runs_models,
            "--gpus / CLIPMILL_GPUS is {}, and a worker that runs a model has one: start a worker for each GPU",
            self.gpus
        );
        Ok(engines)
    }

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
    use super::*;

    #[test]
    fn the_command_line_is_well_formed() {
        Cli::command().debug_assert();
    }

    #[test]
    fn a_look_at_the_engines_needs_no_database_and_work_does() {
        let read = |arguments: &[&str]| Cli::read(&Cli::command().try_get_matches_from(arguments)?);
        let looked = read(&["clipmill-worker", "engines", "--tiers-file", "tiers.toml"]);
        assert!(matches!(looked, Ok(Cli::Engines(config)) if config.tiers_file.is_some()));
        let work = read(&["clipmill-worker", "--database-url", "postgres://localhost/clipmill", "--gpus", "2"]);
        assert!(matches!(work, Ok(Cli::Work(args)) if args.worker.gpus == 2));
    }
}
