//! An S3 server in this process, with its objects in a folder.

use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use s3s::S3Result;
use s3s::auth::SimpleAuth;
use s3s::host::{S3Host, VirtualHost};
use s3s::service::{S3Service, S3ServiceBuilder};
use s3s_fs::FileSystem;
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio::task::{JoinHandle, spawn_blocking};

use super::gate::Gate;
use super::lock::Lock;
use super::serve::serve;
use super::sweep::sweep;
use super::{credential, open_folder};

/// The access key is a name; the secret is what protects.
const ACCESS_KEY: &str = "clipmill";

/// How long requests in flight may take after the stop.
const GRACE: Duration = Duration::from_secs(5);

/// A running S3 server: path style, or the bucket before `.localhost` in the host's name; Signature Version 4 in headers and in presigned URLs, one pair of keys. It ends
/// with this value, then breaking off what is in flight.
#[derive(Debug)]
pub struct Store {
    endpoint: String,
    secret_key: String,
    stop: Option<oneshot::Sender<()>>,
    server: JoinHandle<()>,
}

impl Store {
    /// Serves the objects in `folder` on `listen` (port 0: any free one) and creates the missing `buckets`. Objects
    /// and secret are `store/` and `store.secret` below `folder`.
    ///
    /// # Errors
    /// When another live process uses the folder, the address is taken, or a bucket has no valid name.
    pub async fn start(folder: &Path, listen: SocketAddr, buckets: &[&str]) -> Result<Self> {
        let (folder, buckets) = (folder.to_owned(), buckets.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>());
        let opened =
            spawn_blocking(move || open(&folder, &buckets)).await.context("opening the store was interrupted")?;
        let (lock, secret_key, service) = opened?;
        let bind = TcpListener::bind(listen).await;
        let listener = bind.with_context(|| format!("the object store cannot listen on {listen}"))?;
        let endpoint = format!("http://{}", listener.local_addr()?);
        let (stop, stopped) = oneshot::channel();
        let server = tokio::spawn(async move {
            serve(listener, service, stopped, GRACE).await;
            drop(lock);
        });
        Ok(Self { endpoint, secret_key, stop: Some(stop), server })
    }

    /// The URL to give an S3 client as endpoint, with path style on.
    pub fn endpoint(&self) -> &str {
        &self.endpoint
    }

    /// The access key id.
    pub fn access_key(&self) -> &str {
        ACCESS_KEY
    }

    /// The secret access key; the same after a restart.
    pub fn secret_key(&self) -> &str {
        &self.secret_key
    }

    /// The region to sign for.
    pub fn region(&self) -> &str {
        "us-east-1"
    }

    /// Accepts nothing more, gives requests in flight up to five seconds, and frees the folder.
    pub async fn stop(mut self) {
        drop(self.stop.take());
        if (&mut self.server).await.is_err() {
            tracing::error!("The object store ended by a panic");
        }
    }
}

impl Drop for Store {
    fn drop(&mut self) {
        self.server.abort();
    }
}

fn open(folder: &Path, buckets: &[String]) -> Result<(Lock, String, S3Service)> {
    let folder = open_folder(folder)?;
    let lock = Lock::take(&folder, "store")?;
    let secret_key = credential::read_or_create(&folder.join("store.secret"), credential::random)?;
    let root = open_folder(&folder.join("store"))?;
    for bucket in buckets {
        create_bucket(&root, bucket)?;
    }
    sweep(&root).with_context(|| format!("cannot tidy {}", root.display()))?;
    let service = build_service(root, &secret_key)?;
    Ok((lock, secret_key, service))
}

fn create_bucket(root: &Path, bucket: &str) -> Result<()> {
    ensure!(s3s::path::check_bucket_name(bucket), "`{bucket}` is not a valid bucket name");
    fs::create_dir_all(root.join(bucket)).with_context(|| format!("cannot create the bucket {bucket}"))
}

fn build_service(root: PathBuf, secret_key: &str) -> Result<S3Service> {
    let objects = FileSystem::new(&root).map_err(|_| anyhow::anyhow!("cannot open {}", root.display()))?;
    let mut builder = S3ServiceBuilder::new(objects);
    builder.set_auth(SimpleAuth::from_single(ACCESS_KEY, secret_key));
    builder.set_access(Gate { root });
    builder.set_host(Localhost);
    Ok(builder.build())
}

/// Reads the bucket from names such as `clipmill.localhost`. Every other host says nothing of a bucket.
struct Localhost;

impl S3Host for Localhost {
    fn parse_host_header<'a>(&'a self, host: &'a str) -> S3Result<VirtualHost<'a>> {
        let name = host.rsplit_once(':').map_or(host, |(name, _)| name);
        let bucket = name.strip_suffix(".localhost");
        Ok(bucket.map_or_else(|| VirtualHost::new(host), |bucket| VirtualHost::new("localhost").with_bucket(bucket)))
    }
}
