//! Measures, prints a table for people, and writes what it measured as JSON.

use std::path::PathBuf;

use anyhow::Context as _;
use clap::{Parser, ValueEnum};

mod figure;
mod preview;

/// Measure Clipmill on this machine
#[derive(Debug, Parser)]
struct Cli {
    /// What to measure; everything if left out
    #[arg(value_enum)]
    what: Vec<Subject>,
    /// Where the figures go
    #[arg(long, default_value = "target/bench/summary.json")]
    output: PathBuf,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Subject {
    /// How fast the preview engine draws
    Preview,
}

fn main() -> anyhow::Result<()> {
    let cli = Cli::parse();
    let subjects = if cli.what.is_empty() { Subject::value_variants().to_vec() } else { cli.what };
    let mut figures = Vec::new();
    for subject in subjects {
        figures.extend(match subject {
            Subject::Preview => preview::measure()?,
        });
    }
    figures.iter().for_each(|figure| println!("{figure}"));
    if let Some(folder) = cli.output.parent() {
        std::fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))?;
    }
    std::fs::write(&cli.output, serde_json::to_string_pretty(&figures)?)
        .with_context(|| format!("cannot write {}", cli.output.display()))?;
    eprintln!("Wrote {}", cli.output.display());
    Ok(())
}
