//! The commands that talk to a Clipmill server, and the client that they share.

mod api;
mod cancel;
mod connection;
mod delete;
mod download;
mod error;
mod generate;
mod get;
mod list;
mod output;
pub(crate) mod progress;
#[cfg(test)]
mod tests;
mod video;
mod workers;

pub use api::{Client, Submission};
pub use cancel::Cancel;
pub use connection::Connection;
pub use delete::Delete;
pub use download::Download;
pub use error::ClientError;
pub use generate::Generate;
pub use get::Get;
pub use list::List;
pub use output::OutputOptions;
pub use video::{Failure, Output, Page, Video};
pub use workers::{Order, Workers};

use std::fmt::Display;
use std::io::Write as _;

use anyhow::Result;
use serde_json::Value;

/// The client's commands.
#[derive(Debug, clap::Subcommand)]
pub enum Command {
    /// Make a video and download it
    Generate(Box<Generate>),
    /// Wait for a video and download it
    Get(Get),
    /// List videos, newest first
    List(List),
    /// Call a video off, whether it waits or runs
    Cancel(Cancel),
    /// Delete a video with all of its files
    Delete(Delete),
    /// Show the machines that render, and let one of them rest; needs an operator's key
    Workers(Workers),
}

impl Command {
    /// Does what the command says, over `http`, and prints the result.
    ///
    /// # Errors
    /// One sentence for the user: what the server refused, or why it could not be asked.
    pub async fn run(self, http: reqwest::Client) -> Result<()> {
        match self {
            Self::Generate(command) => command.run(http).await,
            Self::Get(command) => command.run(http).await,
            Self::List(command) => command.run(http).await,
            Self::Cancel(command) => command.run(http).await,
            Self::Delete(command) => command.run(http).await,
            Self::Workers(command) => command.run(http).await,
        }
    }
}

fn print_json(json: &Value) {
    print_line(format_args!("{json:#}"));
}

/// Prints a line of the result. Whoever closed the other end of the pipe has seen enough.
fn print_line(line: impl Display) {
    if let Err(error) = writeln!(std::io::stdout(), "{line}") {
        std::process::exit(i32::from(error.kind() != std::io::ErrorKind::BrokenPipe));
    }
}
