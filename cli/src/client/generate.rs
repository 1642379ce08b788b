//! `clipmill generate`: make a video and download it.

use std::fmt;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use bytes::Bytes;
use uuid::Uuid;

use super::api::Submission;
use super::connection::Connection;
use super::get::finish;
use super::output::OutputOptions;

/// Make a video and download it.
#[derive(clap::Args)]
pub struct Generate {
    /// What the video shall show; camera moves in brackets: [Pan left, Zoom in]
    pub prompt: String,

    /// Picture to start from (JPEG, PNG or WebP)
    #[arg(long, value_name = "FILE")]
    pub image: Option<PathBuf>,

    /// Picture to end on
    #[arg(long, value_name = "FILE")]
    pub last_image: Option<PathBuf>,

    /// Quick and small, or slow and large
    #[arg(long, value_parser = ["fast", "pro"])]
    pub tier: Option<String>,

    /// Width and height in pixels, such as 1280x720
    #[arg(long, value_name = "WxH")]
    pub size: Option<String>,

    /// Length of the video
    #[arg(long, value_name = "N")]
    pub seconds: Option<u32>,

    /// The same request with the same seed gives the same video
    #[arg(long, value_name = "N")]
    pub seed: Option<u64>,

    /// What the video shall not show
    #[arg(long, value_name = "TEXT")]
    pub negative_prompt: Option<String>,

    /// Which of your jobs of the tier goes first: the higher, from -10 to 10
    #[arg(long, value_name = "N", allow_hyphen_values = true)]
    pub priority: Option<i16>,

    /// How long the job may wait and run before it fails
    #[arg(long, value_name = "N")]
    pub timeout_seconds: Option<u32>,

    /// Whom the server tells when the job has ended
    #[arg(long, value_name = "URL")]
    pub webhook_url: Option<String>,

    /// What the finished file shall be like
    #[command(flatten)]
    pub file: OutputOptions,

    /// Where the video goes; if left out, ID.mp4 in this folder
    #[arg(short, long, value_name = "FILE")]
    pub output: Option<PathBuf>,

    #[command(flatten)]
    pub(super) connection: Connection,
}

impl Generate {
    pub(super) async fn run(self, http: reqwest::Client) -> Result<()> {
        let client = self.connection.open(http)?;
        if let Some(folder) = self.output.as_deref().and_then(Path::parent).filter(|folder| *folder != Path::new("")) {
            // Better before the render than after it.
            ensure!(folder.is_dir(), "there is no folder {}", folder.display());
        }
        let submission = Submission {
            image: read(self.image.as_deref()).await?,
            last_image: read(self.last_image.as_deref()).await?,
            prompt: self.prompt,
            negative_prompt: self.negative_prompt,
            tier: self.tier,
            size: self.size,
            seconds: self.seconds,
            seed: self.seed,
            priority: self.priority,
            timeout_seconds: self.timeout_seconds,
            webhook_url: self.webhook_url,
            file: self.file,
        };
        let video = client.create(&submission, &Uuid::now_v7().to_string()).await?;
        if !self.connection.json {
            eprintln!("Submitted {}", video.id);
        }
        finish(&client, video, self.output, self.connection.json).await
    }
}

/// Without the prompts, which are no log's business.
impl fmt::Debug for Generate {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Generate").field("tier", &self.tier).field("size", &self.size).finish_non_exhaustive()
    }
}

async fn read(file: Option<&Path>) -> Result<Option<Bytes>> {
    let Some(path) = file else { return Ok(None) };
    let bytes = tokio::fs::read(path).await.with_context(|| format!("cannot read {}", path.display()))?;
    Ok(Some(bytes.into()))
}
