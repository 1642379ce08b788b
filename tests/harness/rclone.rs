//! A second S3 server, of other people: `rclone serve s3`, with its objects in a folder. It knows no rules of a bucket, no checksums and
//! no encryption; uploads in parts it can list.

use std::path::{Path, PathBuf};
use std::process::Stdio;

use clipmill_shared::storage::{DEFAULT_BUCKET, StorageConfig};
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::{Child, Command};

use crate::shared::shared;

const ACCESS_KEY: &str = "clipmill";
const SECRET_KEY: &str = "only-for-tests";
/// What it says before its address.
const SERVES: &str = "Starting s3 server on [http://";

/// A server that ends with this value.
#[derive(Debug)]
pub struct Rclone {
    folder: TempDir,
    address: String,
    _child: Child,
}

impl Rclone {
    /// Starts one, with an empty bucket.
    ///
    /// # Panics
    /// When it is not installed.
    pub async fn start() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        std::fs::create_dir(folder.path().join(DEFAULT_BUCKET)).expect("a bucket");
        let mut child = Command::new(program())
            .args(["serve", "s3", "--config", "", "--addr", "127.0.0.1:0", "--auth-key"])
            .arg(format!("{ACCESS_KEY},{SECRET_KEY}"))
            .arg(folder.path())
            .stdin(Stdio::null())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .expect("rclone starts");
        let mut lines = BufReader::new(child.stderr.take().expect("its log")).lines();
        let address = loop {
            let line = lines.next_line().await.expect("its log").expect("it lives");
            let address = line.split_once(SERVES).and_then(|(_, rest)| rest.split_once('/'));
            if let Some((address, _)) = address {
                break address.to_owned();
            }
        };
        // Whoever writes to a pipe that nobody reads is ended by it.
        tokio::spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });
        Self { folder, address, _child: child }
    }

    /// How to reach it.
    pub async fn storage(&self) -> StorageConfig {
        StorageConfig {
            endpoint: Some(format!("http://{}", self.address)),
            access_key_id: Some(ACCESS_KEY.to_owned()),
            secret_access_key: Some(SECRET_KEY.to_owned().into()),
            ..shared().await.storage()
        }
    }

    /// The folder in which the bucket lies.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }
}

fn program() -> PathBuf {
    let program = Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/stores/bin/rclone");
    assert!(program.is_file(), "rclone is not there: run tests/stores/setup");
    program
}
