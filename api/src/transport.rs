//! How connections come in: encrypted or not, and through which proxies.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use anyhow::bail;
use axum::Router;
use axum::http::HeaderValue;
use axum::http::header::STRICT_TRANSPORT_SECURITY;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::time::{Instant, interval_at};
use tokio_rustls::TlsAcceptor;
use tokio_util::task::AbortOnDropHandle;
use tower_http::set_header::SetResponseHeaderLayer;
use tracing::warn;

pub use crate::address::Network;
use crate::address::Proxies;
use crate::tls::{Certificate, Files};

/// How often to look whether the certificate's files have changed.
const LOOK_EVERY: Duration = Duration::from_secs(10);
/// Two years, for which browsers then ask in no other way.
const HSTS: HeaderValue = HeaderValue::from_static("max-age=63072000");

/// What lies between the API and its clients.
#[derive(Debug, Clone, Default, clap::Args)]
pub struct TransportConfig {
    /// PEM file with the certificate and those that vouch for it, to answer HTTPS; read again when it changes and on SIGHUP
    #[arg(long, env = "CLIPMILL_TLS_CERTIFICATE")]
    pub tls_certificate: Option<PathBuf>,
    /// PEM file with the certificate's private key
    #[arg(long, env = "CLIPMILL_TLS_KEY")]
    pub tls_key: Option<PathBuf>,
    /// Addresses or networks of the proxies in front that speak TLS, as `10.0.0.7,10.1.0.0/16`; they are believed who the client is
    #[arg(long, env = "CLIPMILL_TRUSTED_PROXIES", value_delimiter = ',')]
    pub trusted_proxies: Vec<Network>,
    /// Answer plain HTTP beyond this machine, on a network that is private already
    #[arg(long, env = "CLIPMILL_PLAIN_HTTP")]
    pub plain_http: bool,
}

impl TransportConfig {
    /// Looks whether requests to this address would cross a network in the clear, and warns if they shall.
    ///
    /// # Errors
    /// They would, and nobody said that they may.
    pub fn check(&self, listen: SocketAddr) -> anyhow::Result<()> {
        if self.files()?.is_some() || listen.ip().to_canonical().is_loopback() {
            return Ok(());
        }
        if self.trusted_proxies.is_empty() && !self.plain_http {
            bail!(
                "{listen} can be reached by others, and keys and videos would cross the network in the clear: give a \
                 certificate (--tls-certificate and --tls-key / CLIPMILL_TLS_CERTIFICATE and CLIPMILL_TLS_KEY), name the \
                 proxies in front that speak TLS (--trusted-proxies / CLIPMILL_TRUSTED_PROXIES), or say --plain-http / \
                 CLIPMILL_PLAIN_HTTP if the network is private already"
            );
        }
        warn!(
            "Requests are answered in plain HTTP beyond this machine: keep the network between here and the clients or \
             proxies private, or give a certificate (--tls-certificate, --tls-key)"
        );
        Ok(())
    }

    /// The certificate's files, if connections are to be encrypted.
    fn files(&self) -> anyhow::Result<Option<Files>> {
        match (self.tls_certificate.clone(), self.tls_key.clone()) {
            (Some(certificate), Some(key)) => Ok(Some(Files { certificate, key })),
            (None, None) => Ok(None),
            (Some(_), None) => {
                bail!("--tls-certificate is set and --tls-key / CLIPMILL_TLS_KEY is not: TLS needs both")
            }
            (None, Some(_)) => {
                bail!("--tls-key is set and --tls-certificate / CLIPMILL_TLS_CERTIFICATE is not: TLS needs both")
            }
        }
    }
}

/// How connections come in. By default they are plain and no proxy is believed. Cloned cheaply.
#[derive(Clone, Default)]
pub struct Transport {
    tls: Option<Tls>,
    pub(crate) proxies: Proxies,
}

#[derive(Clone)]
struct Tls {
    certificate: Arc<Certificate>,
    acceptor: TlsAcceptor,
}

impl Transport {
    /// Reads what the settings name.
    ///
    /// # Errors
    /// A certificate or a key that cannot be used.
    pub async fn open(config: &TransportConfig) -> anyhow::Result<Self> {
        let tls = match config.files()? {
            Some(files) => {
                let certificate = Certificate::open(files).await?;
                Some(Tls { acceptor: certificate.acceptor()?, certificate })
            }
            None => None,
        };
        Ok(Self { tls, proxies: Proxies::new(&config.trusted_proxies) })
    }

    /// Reads the certificate again if its files have changed; says whether new connections get another one from now on. A
    /// certificate that cannot be used is logged, and the one before stays.
    pub async fn refresh(&self) -> bool {
        match &self.tls {
            Some(tls) => tls.certificate.refresh().await,
            None => false,
        }
    }

    /// What encrypts connections, if they are encrypted.
    pub(crate) fn acceptor(&self) -> Option<&TlsAcceptor> {
        self.tls.as_ref().map(|tls| &tls.acceptor)
    }

    /// Keeps the certificate fresh for as long as the value lives.
    pub(crate) fn keep_fresh(&self) -> std::io::Result<Option<AbortOnDropHandle<()>>> {
        if self.tls.is_none() {
            return Ok(None);
        }
        let looking = look(self.clone(), signal(SignalKind::hangup())?);
        Ok(Some(AbortOnDropHandle::new(tokio::spawn(looking))))
    }

    /// Tells browsers to come by HTTPS only, where they can.
    pub(crate) fn layers(&self, router: Router) -> Router {
        match self.tls.is_some() || !self.proxies.is_empty() {
            true => router.layer(SetResponseHeaderLayer::overriding(STRICT_TRANSPORT_SECURITY, HSTS)),
            false => router,
        }
    }
}

async fn look(transport: Transport, mut hangup: Signal) {
    let mut ticks = interval_at(Instant::now() + LOOK_EVERY, LOOK_EVERY);
    loop {
        tokio::select! {
            _ = ticks.tick() => {}
            _ = hangup.recv() => {}
        }
        transport.refresh().await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_http_beyond_this_machine_has_to_be_meant() {
        let check = |listen: &str, config: &TransportConfig| config.check(listen.parse().expect("an address")).is_ok();
        let config = TransportConfig::default();
        for (listen, allowed) in [
            ("127.0.0.1:8080", true),
            ("127.8.9.1:8080", true),
            ("[::1]:8080", true),
            ("[::ffff:127.0.0.1]:8080", true),
            ("0.0.0.0:8080", false),
            ("[::]:8080", false),
            ("10.0.0.1:8080", false),
        ] {
            assert_eq!(check(listen, &config), allowed, "{listen}");
        }
        let trusted_proxies = vec!["10.0.0.7".parse().expect("an address")];
        for config in [
            TransportConfig { plain_http: true, ..config.clone() },
            TransportConfig { trusted_proxies, ..config.clone() },
            TransportConfig { tls_certificate: Some("c".into()), tls_key: Some("k".into()), ..config.clone() },
        ] {
            assert!(check("0.0.0.0:8080", &config), "{config:?}");
        }
    }

    #[test]
    fn a_certificate_and_its_key_come_together() {
        let alone = TransportConfig { tls_key: Some("key.pem".into()), ..TransportConfig::default() };
        assert!(alone.check(([127, 0, 0, 1], 8080).into()).is_err());
        let alone = TransportConfig { tls_certificate: Some("chain.pem".into()), ..TransportConfig::default() };
        assert!(alone.check(([127, 0, 0, 1], 8080).into()).is_err());
    }
}
