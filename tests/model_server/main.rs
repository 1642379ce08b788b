//! A model server as a process of its own, for workers that run theirs.

use std::net::SocketAddr;
use std::process::ExitCode;

use anyhow::Context as _;
use clap::Parser as _;
use clipmill_shared::shutdown;
use clipmill_tests::remote::{self, Manner};
use clipmill_worker::engine::remote::profile::Profile;
use tokio::net::TcpListener;

#[derive(clap::Parser)]
struct Cli {
    /// Where it listens
    #[arg(long)]
    listen: SocketAddr,
    /// Whether its renders go on for ever
    #[arg(long)]
    hold: bool,
}

#[tokio::main]
async fn main() -> ExitCode {
    shutdown::exit(run(Cli::parse()).await)
}

async fn run(cli: Cli) -> anyhow::Result<()> {
    println!("a prompt that nobody shall read in a log");
    let listener = TcpListener::bind(cli.listen).await.context("cannot listen")?;
    Ok(remote::serve(listener, Manner::of(Profile::Sglang), cli.hold).await?)
}
