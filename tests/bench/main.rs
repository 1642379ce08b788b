//! Measures, prints a table for people, and writes what it measured as JSON.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context as _, Result, ensure};
use clap::{Parser, ValueEnum};
use clipmill_shared::shutdown;

mod bench;
mod bloat;
mod depth;
mod engines;
mod expiry;
mod ffmpeg;
mod figure;
mod film;
mod footprint;
mod idle;
mod ledger;
mod load;
mod node;
mod pgbench;
mod pickup;
mod poll;
mod postprocess;
mod preview;
mod seed;
mod service;
mod sizes;
mod stats;
mod stock;
mod submit;
mod tail;
mod throughput;
mod waiting;
mod worker;

use bench::Bench;
use figure::Figure;
use sizes::Sizes;

/// Measure Clipmill on this machine
#[derive(Debug, Parser)]
struct Cli {
    /// What to measure; everything if left out
    #[arg(value_enum)]
    what: Vec<Subject>,
    /// How much to measure
    #[command(flatten)]
    sizes: Sizes,
    /// Where the figures go
    #[arg(long, default_value = "target/bench/summary.json")]
    output: PathBuf,
    /// Where the database, the objects, Node's packages and the plans of statements go
    #[arg(long, default_value = "target/bench")]
    folder: PathBuf,
    /// Print the table in Markdown
    #[arg(long)]
    markdown: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Subject {
    /// How fast the preview engine draws
    Preview,
    /// Encoding, against the ffmpeg command
    Postprocess,
    /// Submits over HTTP, against bare inserts
    Submit,
    /// Polls over HTTP, against bare reads
    Poll,
    /// From a job's commit to the engine's start
    Pickup,
    /// Claims and completions a second
    Throughput,
    /// Claims from a deep queue, against a shallow one
    Depth,
    /// What many jobs leave behind in the table
    Bloat,
    /// Claims beside very many timers that are due
    Expiry,
    /// How long a GPU waits while jobs do
    Idle,
    /// Clients that wait for jobs: what they cost, and how soon they are told
    Waiting,
    /// Memory, start-up and size of the programs
    Footprint,
}

impl Subject {
    async fn measure(self, bench: &Bench) -> Result<Vec<Figure>> {
        match self {
            Subject::Preview => preview::measure(bench),
            Subject::Postprocess => postprocess::measure(bench).await,
            Subject::Submit => submit::measure(bench).await,
            Subject::Poll => poll::measure(bench).await,
            Subject::Pickup => pickup::measure(bench).await,
            Subject::Throughput => throughput::measure(bench).await,
            Subject::Depth => depth::measure(bench).await,
            Subject::Bloat => bloat::measure(bench).await,
            Subject::Expiry => expiry::measure(bench).await,
            Subject::Idle => idle::measure(bench).await,
            Subject::Waiting => waiting::measure(bench).await,
            Subject::Footprint => footprint::measure(bench).await,
        }
    }
}

#[tokio::main]
async fn main() -> ExitCode {
    shutdown::exit(run(Cli::parse()).await)
}

async fn run(cli: Cli) -> Result<()> {
    let subjects = if cli.what.is_empty() { Subject::value_variants() } else { &cli.what };
    let bench = Bench::new(cli.sizes.clone(), &cli.folder)?;
    let (mut figures, mut failed) = (Vec::new(), Vec::new());
    for subject in subjects {
        eprintln!("Measuring: {subject:?}");
        // What was measured before is kept, whatever becomes of the rest.
        match subject.measure(&bench).await {
            Ok(measured) => figures.extend(measured),
            Err(error) => {
                eprintln!("{subject:?} could not be measured: {error:#}");
                failed.push(*subject);
            }
        }
        write(&cli.output, &figures)?;
        if !cli.sizes.small {
            bench.clear().await?;
        }
    }
    print(&figures, cli.markdown);
    eprintln!("Wrote {}", cli.output.display());
    bench.stop().await?;
    ensure!(failed.is_empty(), "not measured: {failed:?}");
    Ok(())
}

fn print(figures: &[Figure], markdown: bool) {
    if markdown {
        println!("{}", Figure::MARKDOWN_HEAD);
    }
    for figure in figures {
        println!("{}", if markdown { figure.markdown() } else { figure.to_string() });
    }
}

fn write(output: &Path, figures: &[Figure]) -> Result<()> {
    if let Some(folder) = output.parent() {
        std::fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))?;
    }
    let json = serde_json::to_string_pretty(figures)?;
    std::fs::write(output, json).with_context(|| format!("cannot write {}", output.display()))
}
