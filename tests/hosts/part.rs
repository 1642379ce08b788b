//! What this program is on a host that is not its own: Postgres, or the S3 server. Each says in one line how it is reached.

use std::net::SocketAddr;
use std::path::Path;

use anyhow::{Context as _, Result, bail};
use clap::{Args, ValueEnum};
use clipmill::embedded::{Options, Postgres, Store};
use clipmill_shared::storage::DEFAULT_BUCKET;
use clipmill_tests::cluster;
use clipmill_tests::proxy::Proxy;
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::Child;

use crate::enclosure::FOLDER;
use crate::network::Host;

/// Which part, and where.
#[derive(Debug, Args)]
pub(crate) struct PartConfig {
    kind: Kind,
    listen: SocketAddr,
}

/// What runs on a host by this program.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub(crate) enum Kind {
    /// Postgres, which says its URL.
    Postgres,
    /// The S3 server, which says its secret.
    Store,
}

/// Runs until it is killed.
pub(crate) async fn run(config: &PartConfig) -> Result<()> {
    let folder = Path::new(FOLDER).join("clipmill");
    match config.kind {
        Kind::Postgres => {
            let postgres = Postgres::start(&folder, Options { fsync: false }).await?;
            // Its server listens on the loopback of its host; a front carries the host's own address to it.
            let behind = cluster::host(postgres.url());
            let front = Proxy::on(config.listen, behind).await;
            println!("{}", postgres.url().replace(behind, &front.address()));
            std::future::pending().await
        }
        Kind::Store => {
            let store = Store::start(&folder, config.listen, &[DEFAULT_BUCKET]).await?;
            println!("{}", store.secret_key());
            std::future::pending().await
        }
    }
}

/// Starts a part on a host, and comes back with what it says when it is ready.
pub(crate) async fn start(host: &Host, kind: Kind, port: u16) -> Result<(Child, String)> {
    let name = kind.to_possible_value().context("a kind with a name")?;
    let mut command = host.command(std::env::current_exe()?);
    let command = command.args(["part", name.get_name(), &host.at(port).to_string()]);
    let mut child = command.stdout(std::process::Stdio::piped()).spawn().context("cannot run ip")?;
    let said = BufReader::new(child.stdout.take().context("its output")?).lines().next_line().await?;
    let Some(line) = said else { bail!("{} did not start", name.get_name()) };
    Ok((child, line))
}
