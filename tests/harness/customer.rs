//! A customer's own S3 server, with a bucket and keys that are not ours.

use std::net::SocketAddr;

use clipmill::embedded::Store;
use clipmill_shared::storage::{Storage, StorageConfig};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::shared::storage_of;

/// The customer's bucket.
pub const BUCKET: &str = "studio-videos";

/// A customer's own S3 server. It ends with this value.
pub struct Customer {
    /// What lies in the bucket.
    pub storage: Storage,
    store: Store,
    _folder: TempDir,
}

impl Customer {
    /// A server with an empty bucket.
    pub async fn start() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let listen = SocketAddr::from(([127, 0, 0, 1], 0));
        let store = Store::start(folder.path(), listen, &[BUCKET]).await.expect("the store starts");
        let config = StorageConfig { bucket: Some(BUCKET.to_owned()), ..storage_of(&store) };
        Self { storage: Storage::open(&config).await, store, _folder: folder }
    }

    /// A destination there, called `studio`.
    pub fn destination(&self) -> Value {
        json!({
            "name": "studio", "bucket": BUCKET, "endpoint": self.store.endpoint(), "path_style": true, "prefix": "clips/",
            "access_key_id": self.access_key(), "secret_access_key": self.secret_key(),
        })
    }

    /// The public part of its keys.
    pub fn access_key(&self) -> &str {
        self.store.access_key()
    }

    /// The secret part.
    pub fn secret_key(&self) -> &str {
        self.store.secret_key()
    }

    /// The keys of all objects in the bucket.
    pub async fn keys(&self) -> Vec<String> {
        self.storage.list("").await.expect("a listing")
    }
}
