//! Settings of the worker. `clipmill-worker --help` is their reference.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use anyhow::{Context as _, ensure};
use chrono::{NaiveTime, TimeDelta};
use clap::error::ErrorKind;
use clap::{ArgMatches, Args as _, Command, FromArgMatches as _};
use clipmill_shared::db::{DbConfig, PgPool};
use clipmill_shared::id::AccountId;
use clipmill_shared::jobs::watermark::font::FontConfig;
use clipmill_shared::moderation::ModerationConfig;
use clipmill_shared::outbound::OutboundConfig;
use clipmill_shared::storage::StorageConfig;
use clipmill_shared::telemetry::TelemetryConfig;
use clipmill_shared::tier::Tier;
use clipmill_shared::vault::VaultConfig;
use clipmill_shared::webhooks::asymmetric::SigningConfig;
use clipmill_wan::Device;

use crate::env::{Engines, preview_engines};
use crate::postprocess::EncoderChoice;
use crate::postprocess::provenance::ProvenanceConfig;
use crate::tiers::Tiers;

/// What the worker's binary is asked to do.
#[derive(Debug)]
pub enum Cli {
    /// Work.
    Work(Box<WorkArgs>),
    /// Say which engines the tiers have, what their models hold, and whether those fit the device.
    Engines(EngineConfig),
    /// Compare the store with the ledger, both ways.
    Reconcile(Box<ReconcileArgs>),
    /// Show the rules of the bucket.
    ShowLifecycle(Box<StorageConfig>),
    /// Give the bucket our rules.
    ApplyLifecycle(Box<LifecycleArgs>),
}

impl Cli {
    /// The command line. Work is what is done without a subcommand, and only that needs a database: the derived parser of
    /// clap knows no arguments that a subcommand makes optional.
    pub fn command() -> Command {
        let engines = Command::new("engines")
            .about("Say which engines the tiers have, what their models hold, and whether those fit the device");
        let reconcile = ReconcileArgs::augment_args(Command::new("reconcile")).about(
            "Compare the store with the ledger: objects without a row go after a grace time, rows without objects are marked",
        );
        let show = StorageConfig::augment_args(Command::new("show")).about("Print the rules that the bucket has");
        let apply = LifecycleArgs::augment_args(Command::new("apply"));
        let lifecycle = Command::new("lifecycle")
            .about("Rules of the bucket as the last net")
            .subcommand_required(true)
            .subcommand(show)
            .subcommand(apply.about("Give the bucket our rules; those of others stay"));
        WorkArgs::augment_args(Command::new("clipmill-worker"))
            .version(env!("CARGO_PKG_VERSION"))
            .about("Clipmill's worker: renders, post-processes, uploads, notifies, expires")
            .subcommand_negates_reqs(true)
            .subcommand(EngineConfig::augment_args(engines))
            .subcommand(reconcile)
            .subcommand(lifecycle)
    }

    /// Reads the process's arguments and environment; ends the process with what is wrong with them.
    pub fn parse() -> Self {
        let matches = Self::command().get_matches();
        Self::read(&matches).unwrap_or_else(|error| error.exit())
    }

    fn read(matches: &ArgMatches) -> Result<Self, clap::Error> {
        match matches.subcommand() {
            Some(("engines", matches)) => EngineConfig::from_arg_matches(matches).map(Self::Engines),
            Some(("reconcile", matches)) => {
                ReconcileArgs::from_arg_matches(matches).map(|args| Self::Reconcile(Box::new(args)))
            }
            Some(("lifecycle", matches)) => match matches.subcommand() {
                Some(("apply", matches)) => {
                    LifecycleArgs::from_arg_matches(matches).map(|args| Self::ApplyLifecycle(Box::new(args)))
                }
                Some((_, matches)) => {
                    StorageConfig::from_arg_matches(matches).map(|args| Self::ShowLifecycle(Box::new(args)))
                }
                None => Err(clap::Error::new(ErrorKind::MissingSubcommand)),
            },
            _ => WorkArgs::from_arg_matches(matches).map(|args| Self::Work(Box::new(args))),
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
    /// With what visible marks are written
    #[command(flatten)]
    pub font: FontConfig,
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
    /// How generated media are marked as such
    #[command(flatten)]
    pub provenance: ProvenanceConfig,
    /// Renders at the same time: one a GPU, one where an engine runs a model, and as many as one likes where all are rendered elsewhere
    #[arg(long, env = "CLIPMILL_GPUS", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=64))]
    pub gpus: u32,
    /// What encodes videos; each encoder is tried at the start
    #[arg(long, env = "CLIPMILL_ENCODER", value_enum, default_value_t)]
    pub encoder: EncoderChoice,
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
    /// When and how the store is compared with the ledger
    #[command(flatten)]
    pub reconcile: ReconcileConfig,
    /// Folder for files between post-processing and upload; the system's temporary folder if unset
    #[arg(long, env = "CLIPMILL_SCRATCH")]
    pub scratch: Option<PathBuf>,
}

/// When and how a worker compares the store with the ledger.
#[derive(Debug, Clone, Copy, clap::Args)]
pub struct ReconcileConfig {
    /// Time of day, in UTC, at which one of the workers compares the store with the ledger, as HH:MM; `never` to leave it
    #[arg(long = "reconcile-at", env = "CLIPMILL_RECONCILE_AT", default_value = "03:00")]
    pub at: TimeOfDay,
    /// Seconds for which an object without a row is left alone: what belongs to it may be under way
    #[arg(id = "reconcile_grace_seconds", long = "reconcile-grace-seconds", env = "CLIPMILL_RECONCILE_GRACE_SECONDS", default_value_t = DAY_SECONDS, value_parser = clap::value_parser!(u32).range(3600..))]
    pub grace_seconds: u32,
}

const DAY_SECONDS: u32 = 86_400;

impl Default for ReconcileConfig {
    /// Never, and a day.
    fn default() -> Self {
        Self { at: TimeOfDay(None), grace_seconds: DAY_SECONDS }
    }
}

impl ReconcileConfig {
    /// For how long an object without a row is left alone.
    pub fn grace(&self) -> TimeDelta {
        TimeDelta::seconds(self.grace_seconds.into())
    }
}

/// A time of day; none is never.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TimeOfDay(pub Option<NaiveTime>);

impl FromStr for TimeOfDay {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "never" => Ok(Self(None)),
            time => NaiveTime::parse_from_str(time, "%H:%M")
                .map(|time| Self(Some(time)))
                .map_err(|_| "neither HH:MM nor never"),
        }
    }
}

/// All that a comparison of the store with the ledger takes.
#[derive(Debug, clap::Args)]
pub struct ReconcileArgs {
    /// How to reach Postgres
    #[command(flatten)]
    pub db: DbConfig,
    /// Where objects are kept
    #[command(flatten)]
    pub storage: StorageConfig,
    /// Seconds for which an object without a row is left alone: what belongs to it may be under way
    #[arg(long = "reconcile-grace-seconds", env = "CLIPMILL_RECONCILE_GRACE_SECONDS", default_value_t = DAY_SECONDS, value_parser = clap::value_parser!(u32).range(3600..))]
    pub grace_seconds: u32,
    /// Only what belongs to this account
    #[arg(long)]
    pub account: Option<AccountId>,
    /// Remove nothing and mark nothing
    #[arg(long)]
    pub dry_run: bool,
    /// Report in JSON
    #[arg(long)]
    pub json: bool,
}

/// All that it takes to give the bucket our rules.
#[derive(Debug, clap::Args)]
pub struct LifecycleArgs {
    /// How to reach Postgres
    #[command(flatten)]
    pub db: DbConfig,
    /// Where objects are kept
    #[command(flatten)]
    pub storage: StorageConfig,
    /// Days after which the record of a job without media is deleted, as the workers have it
    #[arg(long, env = "CLIPMILL_RECORD_DAYS", default_value_t = 90, value_parser = clap::value_parser!(u32).range(1..=36_500))]
    pub record_days: u32,
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
    pub fn engines(&self, ledger: &PgPool) -> anyhow::Result<Engines> {
        let Some(file) = &self.engines.tiers_file else { return Ok(preview_engines()) };
        let tiers = Tiers::read(file)?;
        let engines = tiers.engines(&self.engines.open_device()?, Some(ledger))?;
        let runs_models = tiers.renderings().any(|(_, rendering)| rendering.runs_here());
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
        let url = "postgres://localhost/clipmill";
        let compared = read(&["clipmill-worker", "reconcile", "--dry-run", "--json", "--database-url", url]);
        assert!(
            matches!(compared, Ok(Cli::Reconcile(args)) if args.dry_run && args.json && args.grace_seconds == DAY_SECONDS)
        );
        let shown = read(&["clipmill-worker", "lifecycle", "show", "--s3-bucket", "videos"]);
        assert!(matches!(shown, Ok(Cli::ShowLifecycle(config)) if config.bucket.as_deref() == Some("videos")));
        let applied = read(&["clipmill-worker", "lifecycle", "apply", "--database-url", url, "--record-days", "7"]);
        assert!(matches!(applied, Ok(Cli::ApplyLifecycle(args)) if args.record_days == 7));
        let work = read(&["clipmill-worker", "--database-url", "postgres://localhost/clipmill", "--gpus", "2"]);
        assert!(matches!(work, Ok(Cli::Work(args)) if args.worker.gpus == 2));
    }
}
