//! `clipmill dev`: the whole service until told to stop.

use std::net::SocketAddr;

use anyhow::{Context as _, Result};
use clap::Args;
use clipmill_shared::shutdown;
use tokio::net::TcpListener;

use crate::service::{Service, ServiceConfig, check_address};

/// How to run `clipmill dev`.
#[derive(Debug, Args)]
pub struct DevConfig {
    /// Address to listen on
    #[arg(long, env = "CLIPMILL_LISTEN", default_value = "127.0.0.1:8080")]
    pub listen: SocketAddr,
    /// Listen beyond loopback although parts are embedded
    #[arg(long)]
    pub allow_remote: bool,
    /// The service
    #[command(flatten)]
    pub service: ServiceConfig,
}

/// Runs the service until SIGTERM or Ctrl-C.
pub async fn run(config: DevConfig) -> Result<()> {
    check_address(&config.service, config.listen, config.allow_remote)?;
    let stop = shutdown::on_signal().context("cannot listen for signals")?;
    let listener =
        TcpListener::bind(config.listen).await.with_context(|| format!("cannot listen on {}", config.listen))?;
    let mut service = tokio::select! {
        started = Service::start(&config.service, listener) => started?,
        () = stop.cancelled() => return Ok(()),
    };
    if service.key_is_new && config.service.key_file.is_none() {
        println!("api key         {}", service.key.reveal());
        println!("webhook secret  {}", service.webhook_secret.reveal());
    }
    println!("ready {}", service.url());
    tokio::select! {
        () = stop.cancelled() => service.stop().await,
        error = service.failed() => {
            service.stop().await?;
            Err(error)
        }
    }
}
