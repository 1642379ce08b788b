//! What is started once for all tests of a process: Postgres and the S3 server.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use clipmill::embedded::{Postgres, Store};
use clipmill_shared::storage::{Checksum, DEFAULT_BUCKET, Prefix, Sse, StorageConfig};
use tokio::runtime::Runtime;
use tokio::sync::OnceCell;

use crate::cluster;

/// The parts that all tests share.
pub struct Shared {
    folder: PathBuf,
    postgres: OnceCell<Postgres>,
    store: Store,
}

/// Starts the shared parts with the first call. They end with the process.
pub async fn shared() -> &'static Shared {
    static SHARED: OnceCell<Shared> = OnceCell::const_new();
    SHARED.get_or_init(|| async { runtime().spawn(start()).await.expect("the shared parts start") }).await
}

/// Outlives the runtime of every single test.
fn runtime() -> &'static Runtime {
    static RUNTIME: OnceLock<Runtime> = OnceLock::new();
    RUNTIME.get_or_init(|| Runtime::new().expect("a runtime"))
}

async fn start() -> Shared {
    let folder = folder();
    let objects = folder.join("objects");
    // What an earlier run left behind would count against this one.
    let _ = std::fs::remove_dir_all(&objects);
    let listen = SocketAddr::from(([127, 0, 0, 1], 0));
    let store = Store::start(&objects, listen, &[DEFAULT_BUCKET]).await.expect("the store starts");
    Shared { folder, postgres: OnceCell::new(), store }
}

fn folder() -> PathBuf {
    let program = std::env::current_exe().expect("this program has a path");
    let name =
        program.file_stem().and_then(|name| name.to_str()).unwrap_or("tests").split('-').next().unwrap_or("tests");
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/harness").join(name)
}

impl Shared {
    /// A fresh database with the schema in it, on a cluster that starts with the first call.
    pub async fn database(&'static self) -> String {
        let start = || async { runtime().spawn(cluster::start(&self.folder)).await.expect("Postgres starts") };
        cluster::database(self.postgres.get_or_init(start).await.url()).await
    }

    /// How to reach the S3 server.
    pub fn storage(&self) -> StorageConfig {
        storage_of(&self.store)
    }

    /// The environment by which a process of its own finds the shared parts.
    pub fn environment(&self, database_url: &str) -> Vec<(&'static str, String)> {
        environment_of(&self.store, database_url)
    }
}

/// How to reach an S3 server of this process.
pub fn storage_of(store: &Store) -> StorageConfig {
    StorageConfig {
        bucket: Some(DEFAULT_BUCKET.to_owned()),
        endpoint: Some(store.endpoint().to_owned()),
        public_endpoint: None,
        region: store.region().to_owned(),
        access_key_id: Some(store.access_key().to_owned()),
        secret_access_key: Some(store.secret_key().to_owned().into()),
        session_token: None,
        sts_endpoint: None,
        path_style: true,
        link_seconds: 600,
        prefix: Prefix::default(),
        sse: Sse::None,
        checksum: Checksum::default(),
    }
}

/// The environment by which a process of its own finds a database and an S3 server.
pub fn environment_of(store: &Store, database_url: &str) -> Vec<(&'static str, String)> {
    vec![
        ("DATABASE_URL", database_url.to_owned()),
        ("AWS_ENDPOINT_URL_S3", store.endpoint().to_owned()),
        ("AWS_ACCESS_KEY_ID", store.access_key().to_owned()),
        ("AWS_SECRET_ACCESS_KEY", store.secret_key().to_owned()),
        ("CLIPMILL_S3_BUCKET", DEFAULT_BUCKET.to_owned()),
        ("CLIPMILL_ALLOW_PRIVATE_ADDRESSES", "true".to_owned()),
    ]
}
