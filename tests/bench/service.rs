//! The API as it is served, on loopback and in this process.

use std::net::SocketAddr;

use anyhow::Result;
use clipmill_api::App;
use clipmill_api::config::ClientConfig;
use clipmill_api::rate::RateConfig;
use clipmill_shared::outbound::OutboundConfig;
use clipmill_shared::vault::Vault;
use clipmill_tests::Setup;
use tokio::net::TcpListener;
use tokio_util::sync::{CancellationToken, DropGuard};

use crate::bench::{Bench, Database};

/// Connections to Postgres, as many as the API has by default and as pgbench gets.
pub(crate) const CONNECTIONS: u32 = 16;

/// A running API. It ends with this value.
pub(crate) struct Service {
    /// Where it answers.
    pub(crate) address: SocketAddr,
    _stop: DropGuard,
}

impl Service {
    /// Serves a database.
    pub(crate) async fn start(bench: &Bench, database: &Database) -> Result<Self> {
        let (pool, storage) = (database.connect(CONNECTIONS).await?, bench.storage().await?);
        let (outbound, setup) = (OutboundConfig::unguarded(), Setup::default());
        let clients = ClientConfig { rates: RateConfig::UNLIMITED, ..setup.clients };
        let app = App::new(pool, storage, Vault::default(), &outbound, &setup.moderation, &clients, &setup.signing)?;
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let (address, stop) = (listener.local_addr()?, CancellationToken::new());
        tokio::spawn(clipmill_api::serve(listener, app, setup.transport, stop.clone().cancelled_owned()));
        Ok(Self { address, _stop: stop.drop_guard() })
    }
}
