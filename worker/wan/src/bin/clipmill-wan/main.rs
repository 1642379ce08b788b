//! The binary `clipmill-wan`: looks at, tries and measures Wan models without the rest of the service.

use std::process::ExitCode;

use clap::{Parser, Subcommand};

mod bench;
mod device;
mod gauge;
mod inspect;
mod job;
mod parity;
mod render;
mod watch;

/// Look at, try and measure Wan 2.1 and 2.2 models in diffusers folder layout
#[derive(Debug, Parser)]
#[command(name = "clipmill-wan", version, about, long_about = None)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Say what a folder holds, how large it is, and whether it can be used
    Inspect(inspect::Inspect),
    /// Render a prompt or an image to pictures or raw frames
    Render(render::Render),
    /// Compare with what diffusers recorded for a folder; prints the largest difference of each group as JSON
    Parity(parity::Parity),
    /// Measure a render; prints JSON
    Bench(bench::Bench),
}

fn main() -> ExitCode {
    let done = match Cli::parse().command {
        Command::Inspect(inspect) => inspect.run(),
        Command::Render(render) => render.run(),
        Command::Parity(parity) => parity.run(),
        Command::Bench(bench) => bench.run(),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("Error: {error:#}");
            ExitCode::FAILURE
        }
    }
}
