//! Two S3 servers that have nothing in common, each with an empty bucket.

use std::path::PathBuf;

use clipmill::embedded::Store;
use clipmill_shared::storage::{DEFAULT_BUCKET, Storage, StorageConfig};
use clipmill_tests::Rclone;
use clipmill_tests::shared::storage_of;
use tempfile::TempDir;

/// A server of its own for one test.
pub(super) struct At {
    /// Which one, for messages.
    pub(super) name: &'static str,
    /// How to reach it.
    pub(super) config: StorageConfig,
    /// The bucket in it.
    pub(super) storage: Storage,
    bucket: PathBuf,
    _server: Server,
}

enum Server {
    Embedded { _store: Store, _folder: TempDir },
    Rclone { _rclone: Rclone },
}

impl At {
    /// Both of them.
    pub(super) async fn each() -> [Self; 2] {
        [Self::embedded().await, Self::rclone().await]
    }

    /// The one in this process.
    pub(super) async fn embedded() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::start(folder.path(), ([127, 0, 0, 1], 0).into(), &[DEFAULT_BUCKET]).await.unwrap();
        let (config, bucket) = (storage_of(&store), folder.path().join("store").join(DEFAULT_BUCKET));
        let server = Server::Embedded { _store: store, _folder: folder };
        Self { name: "s3s", storage: Storage::open(&config).await, config, bucket, _server: server }
    }

    /// The one of other people.
    pub(super) async fn rclone() -> Self {
        let rclone = Rclone::start().await;
        let (config, bucket) = (rclone.storage().await, rclone.folder().join(DEFAULT_BUCKET));
        let server = Server::Rclone { _rclone: rclone };
        Self { name: "rclone", storage: Storage::open(&config).await, config, bucket, _server: server }
    }

    /// Writes small objects past the server.
    pub(super) fn write(&self, keys: impl Iterator<Item = String>) {
        for key in keys {
            let path = self.bucket.join(key);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, b"x").unwrap();
        }
    }
}
