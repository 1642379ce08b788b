//! `clipmill demo`: a prompt and a picture become two videos, with nothing set up before and nothing left running.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, Result, bail, ensure};
use bytes::Bytes;
use clap::Args;
use clipmill_shared::outbound;
use clipmill_worker::postprocess::probe;
use indicatif::{HumanBytes, MultiProgress};
use tokio::net::TcpListener;
use url::Url;
use uuid::Uuid;

use crate::client::progress::Progress;
use crate::client::{Client, Submission, Video};
use crate::service::{Service, ServiceConfig};

pub(crate) mod receiver;

use receiver::Receiver;

/// A cup of espresso; photograph by Rachel Michetti, CC0.
const PHOTOGRAPH: &[u8] = include_bytes!("../samples/coffee.jpg");
const CLIENT_TIMEOUT: Duration = Duration::from_secs(30);
/// The longest that both videos may take.
const PATIENCE: Duration = Duration::from_secs(600);

/// How to run `clipmill demo`.
#[derive(Debug, Args)]
pub struct DemoConfig {
    /// Folder for the results
    #[arg(short, long, default_value = "demo")]
    pub output: PathBuf,
}

/// One of the videos of the demo.
struct Take {
    name: &'static str,
    submission: Submission,
}

/// Starts a service of its own, makes both videos, checks their webhooks, and stops the service again.
pub async fn run(config: DemoConfig) -> Result<()> {
    std::fs::create_dir_all(&config.output)
        .with_context(|| format!("cannot make the folder {}", config.output.display()))?;
    let folder =
        tempfile::Builder::new().prefix("clipmill-demo-").tempdir().context("cannot make a temporary folder")?;
    eprintln!("Starting Postgres, S3, API and worker in {}", folder.path().display());
    let listener = TcpListener::bind("127.0.0.1:0").await.context("cannot listen on loopback")?;
    let service = Service::start(&ServiceConfig::embedded_in(folder.path()), listener).await?;
    let shown = tokio::select! {
        shown = tokio::time::timeout(PATIENCE, show(&service, &config.output)) => shown.context("the videos took too long").and_then(|shown| shown),
        _ = tokio::signal::ctrl_c() => Err(anyhow::anyhow!("interrupted")),
    };
    service.stop().await?;
    shown
}

async fn show(service: &Service, output: &Path) -> Result<()> {
    let mut receiver = Receiver::start(service.webhook_secret.clone()).await?;
    let client = Client::new(outbound::trusted(CLIENT_TIMEOUT)?, Url::parse(&service.url())?, service.key.reveal())?;
    let bars = MultiProgress::new();
    let takes = takes(receiver.url()).map(|take| make(&client, &bars, take));
    let made = futures::future::try_join_all(takes).await?;
    for (name, video) in made {
        receiver.completed(&video.id).await?;
        for (variant, extension) in [("video", "mp4"), ("thumbnail", "webp")] {
            let path = output.join(format!("{name}.{extension}"));
            let download = client.download(&video, variant, &path, |_| ()).await?;
            println!("{}", describe(&path, variant, download.size_bytes)?);
        }
        println!("  webhook video.completed received, signature verified");
    }
    Ok(())
}

fn takes(webhook_url: &str) -> [Take; 2] {
    let fast = Submission {
        prompt: "Sunrise over a calm sea, mountains in the mist, birds flying [Truck right, Push in]".to_owned(),
        tier: Some("fast".to_owned()),
        size: Some("1366x768".to_owned()),
        seconds: Some(4),
        seed: Some(7),
        webhook_url: Some(webhook_url.to_owned()),
        ..Submission::default()
    };
    let pro = Submission {
        prompt: "A cup of espresso on a wooden table [Push in, Pan left]".to_owned(),
        tier: Some("pro".to_owned()),
        size: Some("1920x1080".to_owned()),
        image: Some(Bytes::from_static(PHOTOGRAPH)),
        ..fast.clone()
    };
    [Take { name: "fast-text-to-video", submission: fast }, Take { name: "pro-image-to-video", submission: pro }]
}

async fn make(client: &Client, bars: &MultiProgress, take: Take) -> Result<(&'static str, Video)> {
    let video = client.create(&take.submission, &Uuid::now_v7().to_string()).await?;
    eprintln!("Submitted {} as {}", take.name, video.id);
    let progress = Progress::below(bars);
    progress.show(&video);
    let video = client.wait(&video.id, |video| progress.show(video)).await?;
    match &video.error {
        None if video.status == "completed" => Ok((take.name, video)),
        Some(error) => bail!("{} {}: {} ({})", take.name, video.status, error.message, error.code),
        None => bail!("{} is {}", take.name, video.status),
    }
}

/// What really lies on the disk.
fn describe(path: &Path, variant: &str, size_bytes: u64) -> Result<String> {
    let bytes = HumanBytes(size_bytes);
    if variant != "video" {
        return Ok(format!("{}  {bytes}", path.display()));
    }
    let video = probe(path).with_context(|| format!("cannot read {}", path.display()))?;
    ensure!(video.frames > 0, "{} has no frames", path.display());
    Ok(format!(
        "{}  {}x{}, {:.1} s, {}, {} frames at {} per second, {bytes}",
        path.display(),
        video.width,
        video.height,
        video.seconds,
        video.codec,
        video.frames,
        video.fps
    ))
}
