//! `clipmill cancel`: call a video off.

use anyhow::Result;
use clap::builder::NonEmptyStringValueParser;

use super::connection::Connection;
use super::{print_json, print_line};

/// Call a video off, whether it waits or runs.
#[derive(Debug, clap::Args)]
pub struct Cancel {
    /// The video's id
    #[arg(value_parser = NonEmptyStringValueParser::new())]
    pub id: String,

    #[command(flatten)]
    pub(super) connection: Connection,
}

impl Cancel {
    pub(super) async fn run(self, http: reqwest::Client) -> Result<()> {
        let video = self.connection.open(http)?.cancel(&self.id).await?;
        match self.connection.json {
            true => print_json(&video.json),
            false => print_line(format_args!("{} is {}", video.id, video.status)),
        }
        Ok(())
    }
}
