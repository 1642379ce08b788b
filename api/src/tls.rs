//! The server's certificate: read from its files, and read again when they change.

use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use anyhow::Context as _;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::{CryptoProvider, aws_lc_rs};
use tokio_rustls::rustls::pki_types::pem::PemObject as _;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::rustls::server::{ClientHello, ResolvesServerCert};
use tokio_rustls::rustls::sign::CertifiedKey;
use tracing::{error, info};

/// The one protocol that is spoken inside of TLS.
const PROTOCOL: &[u8] = b"http/1.1";

/// Where certificate and key lie, in PEM.
#[derive(Debug, Clone)]
pub(crate) struct Files {
    pub(crate) certificate: PathBuf,
    pub(crate) key: PathBuf,
}

/// What tells one state of the files from another: inode, length, and when they were written.
type Stamps = [Option<(u64, u64, i64, i64)>; 2];

/// The certificate that connections get from now on.
#[derive(Debug)]
pub(crate) struct Certificate {
    files: Files,
    current: RwLock<Arc<CertifiedKey>>,
    /// How the files were when they were read last, whether or not they were any good.
    seen: Mutex<Stamps>,
}

impl Certificate {
    /// Reads a certificate and its key.
    ///
    /// # Errors
    /// Files that cannot be read, hold something else, or do not belong together.
    pub(crate) async fn open(files: Files) -> anyhow::Result<Arc<Self>> {
        let seen = Mutex::new(files.stamps().await);
        let current = RwLock::new(Arc::new(files.read().await?));
        Ok(Arc::new(Self { files, current, seen }))
    }

    /// Reads the files again if they have changed, and says whether there is another certificate now. Where they cannot be used,
    /// the one before stays.
    pub(crate) async fn refresh(&self) -> bool {
        let stamps = self.files.stamps().await;
        if std::mem::replace(&mut *self.seen.lock().unwrap_or_else(PoisonError::into_inner), stamps) == stamps {
            return false;
        }
        match self.files.read().await {
            Ok(key) => {
                *self.current.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(key);
                info!("The certificate has changed and was read again");
                true
            }
            Err(error) => {
                error!(
                    error = format!("{error:#}"),
                    "The certificate has changed and cannot be used, the old one stays"
                );
                false
            }
        }
    }

    /// What makes TLS of a connection: 1.2 or 1.3, with this certificate as it is at the time.
    ///
    /// # Errors
    /// None with the cryptography that is built in.
    pub(crate) fn acceptor(self: &Arc<Self>) -> anyhow::Result<TlsAcceptor> {
        let config = ServerConfig::builder_with_provider(Arc::new(provider())).with_safe_default_protocol_versions();
        let config = config.context("cannot set up TLS")?.with_no_client_auth();
        let mut config = config.with_cert_resolver(self.clone());
        config.alpn_protocols = vec![PROTOCOL.to_vec()];
        Ok(TlsAcceptor::from(Arc::new(config)))
    }
}

impl ResolvesServerCert for Certificate {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(self.current.read().unwrap_or_else(PoisonError::into_inner).clone())
    }
}

impl Files {
    async fn stamps(&self) -> Stamps {
        [stamp(&self.certificate).await, stamp(&self.key).await]
    }

    async fn read(&self) -> anyhow::Result<CertifiedKey> {
        let (certificate, key) = (self.certificate.display(), self.key.display());
        let chain = read(&self.certificate).await.context("--tls-certificate / CLIPMILL_TLS_CERTIFICATE")?;
        let chain: Vec<CertificateDer<'static>> = CertificateDer::pem_slice_iter(&chain)
            .collect::<Result<_, _>>()
            .with_context(|| format!("{certificate} holds no certificates in PEM"))?;
        // What is wrong with it is not said in detail: that would show pieces of it.
        let private = read(&self.key).await.context("--tls-key / CLIPMILL_TLS_KEY")?;
        let private = PrivateKeyDer::from_pem_slice(&private)
            .ok()
            .with_context(|| format!("{key} holds no private key in PEM"))?;
        CertifiedKey::from_der(chain, private, &provider())
            .with_context(|| format!("{certificate} and {key} cannot be used together"))
    }
}

async fn stamp(path: &Path) -> Option<(u64, u64, i64, i64)> {
    let file = tokio::fs::metadata(path).await.ok()?;
    Some((file.ino(), file.len(), file.mtime(), file.mtime_nsec()))
}

async fn read(path: &Path) -> anyhow::Result<Vec<u8>> {
    tokio::fs::read(path).await.with_context(|| format!("cannot read {}", path.display()))
}

fn provider() -> CryptoProvider {
    aws_lc_rs::default_provider()
}
