//! `clipmill list`: the videos, newest first.

use anyhow::Result;
use chrono::DateTime;

use super::connection::Connection;
use super::progress;
use super::video::Video;
use super::{print_json, print_line};

/// How much of a prompt a line shows.
const PROMPT_CHARS: usize = 48;

/// List videos, newest first.
#[derive(Debug, clap::Args)]
pub struct List {
    /// How many at most
    #[arg(long, value_name = "N")]
    pub limit: Option<u32>,

    /// Only those after this one in the list
    #[arg(long, value_name = "ID")]
    pub after: Option<String>,

    /// Only those in this state
    #[arg(long, value_parser = ["queued", "in_progress", "completed", "failed", "cancelled", "expired"])]
    pub status: Option<String>,

    #[command(flatten)]
    pub(super) connection: Connection,
}

impl List {
    pub(super) async fn run(self, http: reqwest::Client) -> Result<()> {
        let client = self.connection.open(http)?;
        let page = client.list(self.limit, self.after.as_deref(), self.status.as_deref()).await?;
        if self.connection.json {
            print_json(&page.json);
            return Ok(());
        }
        for video in &page.videos {
            print_line(line(video));
        }
        if let (true, Some(last)) = (page.has_more, page.videos.last()) {
            eprintln!("There are more: clipmill list --after {}", last.id);
        }
        Ok(())
    }
}

fn line(video: &Video) -> String {
    let created = DateTime::from_timestamp(video.created_at, 0).unwrap_or_default().format("%Y-%m-%d %H:%M");
    let state = match video.status.as_str() {
        "in_progress" => format!("rendering {}%", video.progress),
        _ => progress::describe(video),
    };
    // A prompt may hold what a terminal obeys.
    let printable = |character: char| if character.is_control() { ' ' } else { character };
    let prompt: String = video.prompt.chars().map(printable).take(PROMPT_CHARS).collect();
    format!("{}  {created}  {state:<16} {:<4} {:>9} {:>2} s  {prompt}", video.id, video.tier, video.size, video.seconds)
}
