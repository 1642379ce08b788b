//! `clipmill get`: wait for a video and download it.

use std::path::{Path, PathBuf};

use anyhow::{Result, bail};
use clap::builder::NonEmptyStringValueParser;

use super::api::Client;
use super::connection::Connection;
use super::progress::Progress;
use super::video::Video;
use super::{print_json, print_line};

/// The file that the commands download.
const VARIANT: &str = "video";

/// Wait for a video and download it. With --json and without --output, print how it stands instead.
#[derive(Debug, clap::Args)]
pub struct Get {
    /// The video's id
    #[arg(value_parser = NonEmptyStringValueParser::new())]
    pub id: String,

    /// Where the video goes; if left out, ID.mp4 in this folder
    #[arg(short, long, value_name = "FILE")]
    pub output: Option<PathBuf>,

    #[command(flatten)]
    pub(super) connection: Connection,
}

impl Get {
    pub(super) async fn run(self, http: reqwest::Client) -> Result<()> {
        let client = self.connection.open(http)?;
        let video = client.get(&self.id).await?;
        if self.connection.json && self.output.is_none() {
            print_json(&video.json);
            return Ok(());
        }
        finish(&client, video, self.output, self.connection.json).await
    }
}

/// Sees a video through to its end on this disk, and prints what became of it. Ctrl-C leaves it to the server.
pub(super) async fn finish(client: &Client, video: Video, output: Option<PathBuf>, json: bool) -> Result<()> {
    let id = video.id.clone();
    tokio::select! {
        result = follow(client, video, output, json) => result,
        _ = tokio::signal::ctrl_c() => {
            bail!("interrupted; the server goes on: `clipmill get {id}` continues, `clipmill cancel {id}` calls it off")
        }
    }
}

async fn follow(client: &Client, video: Video, output: Option<PathBuf>, json: bool) -> Result<()> {
    let progress = Progress::new(json);
    progress.show(&video);
    let video = match video.is_going() {
        true => client.wait(&video.id, |video| progress.show(video)).await?,
        false => video,
    };
    if video.status != "completed" {
        drop(progress);
        if json {
            print_json(&video.json);
        }
        bail!("{}", explain(&video));
    }
    let path = match output {
        Some(path) => path,
        None => default_path(&video)?,
    };
    progress.begin_download(video.output(VARIANT).map_or(0, |output| output.size_bytes));
    let download = client.download(&video, VARIANT, &path, |size_bytes| progress.received(size_bytes)).await?;
    drop(progress);
    match json {
        true => print_json(&video.json),
        false => print_line(describe(&video, &path, download.size_bytes)),
    }
    Ok(())
}

/// Why there is nothing to download.
fn explain(video: &Video) -> String {
    match &video.error {
        Some(error) => format!("{} {}: {} ({})", video.id, video.status, error.message, error.code),
        None => format!("{} is {}", video.id, video.status),
    }
}

/// The server's word is not good enough for a path on this disk.
fn default_path(video: &Video) -> Result<PathBuf> {
    let is_plain = |character: char| character.is_ascii_alphanumeric() || matches!(character, '_' | '-');
    if !video.id.chars().all(is_plain) {
        bail!("the server's id is no file name; choose one with --output");
    }
    Ok(PathBuf::from(format!("{}.mp4", video.id)))
}

fn describe(video: &Video, path: &Path, size_bytes: u64) -> String {
    let size = video.output(VARIANT).map_or(video.size.clone(), |output| format!("{}x{}", output.width, output.height));
    let bytes = indicatif::HumanBytes(size_bytes);
    format!("{}: {size}, {} s, {bytes}", path.display(), video.seconds)
}
