//! Logs and metrics. Messages read alone, fields are queryable: `job.id`, `account.id`. Nothing of a customer's is ever a field.

use std::io::IsTerminal as _;
use std::sync::OnceLock;
use std::time::Duration;

use metrics_exporter_prometheus::{BuildError, Matcher, PrometheusBuilder, PrometheusHandle};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::LevelFilter;

const UPKEEP: Duration = Duration::from_secs(5);
const SECONDS_BUCKETS: [f64; 14] =
    [0.001, 0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0, 5.0, 15.0, 60.0, 300.0, 1800.0];

/// How this process writes its log.
#[derive(Debug, Clone, clap::Args)]
pub struct TelemetryConfig {
    /// What to log, as a tracing filter such as `info` or `warn,clipmill_worker=debug`; `info` for servers if unset
    #[arg(long, env = "CLIPMILL_LOG", global = true, help_heading = "Logging")]
    pub log: Option<String>,
    /// One line of text or one JSON object a message
    #[arg(
        long,
        env = "CLIPMILL_LOG_FORMAT",
        global = true,
        help_heading = "Logging",
        value_enum,
        default_value = "text"
    )]
    pub log_format: LogFormat,
}

/// The form of the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum LogFormat {
    /// For people.
    Text,
    /// For machines.
    Json,
}

/// Starts logging to standard error, what `usual` says unless the configuration says otherwise. Libraries that would write what is secret (request bodies, signed addresses)
/// stay at warnings, unless the filter names a module inside of them.
pub fn init(config: &TelemetryConfig, usual: &str) -> Result<(), String> {
    const QUIET: [&str; 9] = [
        "apalis",
        "apalis_core",
        "aws_config",
        "aws_runtime",
        "aws_sdk_s3",
        "aws_sigv4",
        "aws_smithy_runtime",
        "hyper_util",
        "sqlx",
    ];
    let mut filter = EnvFilter::try_new(directives(config.log.as_deref().unwrap_or(usual)))
        .map_err(|error| format!("CLIPMILL_LOG is no filter: {error}"))?;
    for library in QUIET {
        let directive = format!("{library}=warn").parse().map_err(|error| format!("{library}: {error}"))?;
        filter = filter.add_directive(directive);
    }
    let subscriber = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal());
    let started = match config.log_format {
        LogFormat::Text => subscriber.try_init(),
        LogFormat::Json => subscriber.json().flatten_event(true).try_init(),
    };
    // A second start in one process (tests) keeps the first.
    let _ = started;
    Ok(())
}

/// A level that stands for everything goes for our own crates; the libraries say no more than `info`, since what they say beyond that
/// is what they are given: headers, addresses, bodies.
fn directives(filter: &str) -> String {
    const OURS: [&str; 5] = ["clipmill", "clipmill_api", "clipmill_shared", "clipmill_wan", "clipmill_worker"];
    let directive = |part: &str| match part.trim().parse::<LevelFilter>() {
        Ok(level) => {
            let ours = OURS.map(|name| format!("{name}={level}")).join(",");
            format!("{},{ours}", level.min(LevelFilter::INFO))
        }
        Err(_) => part.to_owned(),
    };
    filter.split(',').map(directive).collect::<Vec<_>>().join(",")
}

/// The metrics of this process, in the text form of Prometheus. The first call starts the recording.
pub fn metrics() -> Result<PrometheusHandle, BuildError> {
    static HANDLE: OnceLock<PrometheusHandle> = OnceLock::new();
    if let Some(handle) = HANDLE.get() {
        return Ok(handle.clone());
    }
    let builder =
        PrometheusBuilder::new().set_buckets_for_metric(Matcher::Suffix("_seconds".to_owned()), &SECONDS_BUCKETS)?;
    let recorder = builder.build_recorder();
    let handle = HANDLE.get_or_init(|| recorder.handle());
    let upkeep = handle.clone();
    // Folds what was recorded, also while nobody asks for it. Ends with the process.
    std::thread::spawn(move || {
        loop {
            std::thread::sleep(UPKEEP);
            upkeep.run_upkeep();
        }
    });
    // Fails when another thread was first; both record into the one that won.
    let _ = metrics::set_global_recorder(recorder);
    Ok(handle.clone())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_level_for_everything_is_for_our_own_crates() {
        assert!(directives("trace").starts_with("info,clipmill=trace,clipmill_api=trace"));
        assert!(directives("warn").starts_with("warn,clipmill=warn"));
        assert!(directives("info,clipmill_worker=debug").ends_with("clipmill_worker=info,clipmill_worker=debug"));
        assert_eq!(directives("hyper=trace"), "hyper=trace", "who names a library means it");
    }
}
