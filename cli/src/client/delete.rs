//! `clipmill delete`: delete a video with all of its files.

use anyhow::Result;
use clap::builder::NonEmptyStringValueParser;

use super::connection::Connection;
use super::{print_json, print_line};

/// Delete a video with all of its files. One that waits or runs is called off first.
#[derive(Debug, clap::Args)]
pub struct Delete {
    /// The video's id
    #[arg(value_parser = NonEmptyStringValueParser::new())]
    pub id: String,

    #[command(flatten)]
    pub(super) connection: Connection,
}

impl Delete {
    pub(super) async fn run(self, http: reqwest::Client) -> Result<()> {
        let answer = self.connection.open(http)?.delete(&self.id).await?;
        match self.connection.json {
            true => print_json(&answer),
            false => print_line(format_args!("{} is deleted", self.id)),
        }
        Ok(())
    }
}
